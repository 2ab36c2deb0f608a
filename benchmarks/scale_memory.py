"""Watches the memory of workers while a job runs, and shows it against how much of each stage is done."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Self

import numpy as np
import psutil
from distributed import Client

from survey_batch.monitor.progress import LineProgress

SECONDS = 0.5


@dataclass(frozen=True)
class Sample:
    """Resident bytes of each worker, and the rows of each stage done, at one time."""

    time: float
    resident: tuple[int, ...]
    done: dict[str, int]


class Watch(LineProgress):
    """Progress of a run that also samples the workers' memory twice a second."""

    def __init__(self, client: Client) -> None:
        super().__init__(seconds=30.0)
        self.processes = [psutil.Process(pid) for pid in client.run(os.getpid).values()]
        self.samples: list[Sample] = []
        self.begun = time.monotonic()
        self.stopped = Event()
        self.thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        if not self.thread.is_alive():
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End with the run."""
        self.stopped.set()

    def _sample(self) -> None:
        while not self.stopped.wait(SECONDS):
            done = {stage.name: stage.done for stage in list(self.stages.values())}
            resident = tuple(process.memory_info().rss for process in self.processes if process.is_running())
            self.samples.append(Sample(time.monotonic() - self.begun, resident, done))

    def during(self, stage: str) -> tuple[np.ndarray, np.ndarray]:
        """Share of a stage done and the largest worker's resident bytes, at each sample while it ran."""
        total = self.stages[stage].total
        picked = [sample for sample in self.samples if 0 < sample.done.get(stage, 0) < total and sample.resident]
        share = np.array([sample.done[stage] / total for sample in picked])
        return share, np.array([max(sample.resident) for sample in picked])


def flatness(watch: Watch, stage: str) -> dict[str, float]:
    """Median and largest memory [MB] in the first and in the last tenth of a stage."""
    if stage not in watch.stages:
        return {}
    share, resident = watch.during(stage)
    first, last = resident[share <= 0.1], resident[share >= 0.9]
    if not first.size or not last.size:
        return {}
    return {"first_tenth_MB": float(np.median(first)) / 1e6, "last_tenth_MB": float(np.median(last)) / 1e6}


def draw(watch: Watch, name: str, path: Path) -> None:
    """Draw memory of each worker against time, and shade the stages."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    times = np.array([sample.time for sample in watch.samples])
    workers = max(len(sample.resident) for sample in watch.samples)
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    for worker in range(workers):
        values = [
            sample.resident[worker] / 1e6 if worker < len(sample.resident) else np.nan for sample in watch.samples
        ]
        axes.plot(times, values, lw=0.8, label=f"worker {worker + 1}")
    for number, (stage, progress) in enumerate(watch.stages.items()):
        active = [s.time for s in watch.samples if 0 < s.done.get(stage, 0) < progress.total]
        if active:
            axes.axvspan(
                min(active), max(active), ymin=0.02 + 0.04 * number, ymax=0.05 + 0.04 * number, color=f"C{number + 2}"
            )
            axes.text(
                min(active),
                (0.035 + 0.04 * number),
                f" {stage}",
                transform=axes.get_xaxis_transform(),
                va="center",
                fontsize=8,
            )
    axes.set(xlabel="seconds", ylabel="resident memory [MB]", title=f"{name}: memory per worker", ylim=(0, None))
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=130)
    plt.close(figure)
