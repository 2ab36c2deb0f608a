"""The phase that predicts: objects and CPU time against the bare network, precision, and how busy a GPU is.

    python -m benchmarks.predict --out FOLDER [--images] [--variant NAME] [--objects 4096] [--threads 3] [--gpu] …

A network is trained, and its objects are then listed again and again under other identifiers: one that convolves along
wavelength on the LAMOST spectra at hand, or with --images one that convolves cutouts of simulated stars in ugriz.
Compared are: the network alone on inputs that lie prepared in memory, which no program can beat; reading and preparing
alone; `predict_proba` on the product in memory; and the phase from Zarr to Zarr on one worker, with and without the
start of the framework. All is measured in a worker's environment. CPU time of the phase is that of all its processes;
on a CPU no phase needs less than reading, preparing and the network together. Keras' backend is that of the environment
variable KERAS_BACKEND.
"""

import argparse
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from benchmarks.data import find_data, repeat_catalog
from benchmarks.timing import as_a_worker, asked_gpu, machine
from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import GPU_PHASE, ClusterSection
from survey_batch.config.sections.models import Precision
from survey_batch.core.arrays import F4, Variables
from survey_batch.execution.runner import run
from survey_batch.models.devices import backend, visible_gpus
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.loading import load_classifier
from survey_batch.monitor.progress import LineProgress
from survey_batch.monitor.record import Record
from survey_batch.simulate import simulate_sdss
from survey_batch.store.products import read_rows
from survey_batch.training.train import train

TURNS = 3
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_float16", "mixed_bfloat16")
FEWEST = 150
"""Rows that each catalogue has at least."""
PART = 1024
"""Rows for what is measured in memory."""
GPU_SECONDS = 0.2
"""Between two looks at the GPU."""


@dataclass(frozen=True)
class Speed:
    """Objects per second, and CPU-seconds per object."""

    rate: float
    cpu: float

    def row(self, name: str, bare: "Speed") -> str:
        """Write a row of the table, with shares of the speed of the bare network."""
        share, cpu_share = self.rate / bare.rate, bare.cpu / self.cpu
        return f"| {name} | {self.rate:,.0f} | {share:.3f} | {1e6 * self.cpu:,.0f} | {cpu_share:.2f} |"


@dataclass(frozen=True)
class Subject:
    """What is predicted: the tables of its job, and its catalogue."""

    tables: dict[str, Any]
    catalog: dict[str, Any]
    separator: str
    stages: tuple[str, ...]
    train: dict[str, Any]

    @property
    def product(self) -> str:
        """The product that the network reads."""
        return self.stages[-1]


def spectra(folder: Path) -> Subject:
    """LAMOST spectra of stars, by a convolution along wavelength."""
    data = find_data(folder)
    catalog = {"path": str(data.spectra), "label": "mk_class", "select": {"object_class": ["STAR"]}}
    archive = {"survey": "lamost", "root": str(data.lamost)}
    train = {"kind": "spectral-type", "variant": "convolution"}
    return Subject({"archive": archive}, catalog, "|", ("spectra",), train)


def images(folder: Path) -> Subject:
    """Simulated stars in SDSS frames, by a convolution of their calibrated pixels."""
    path = folder / "stars" / "sources.csv"
    if not path.is_file():
        simulate_sdss(path.parent, fields=5, objects=1200, seed=3)
    catalog = {"path": str(path), "label": "mk_class", "select": {"object_class": ["STAR"], "labels": list("OBAFGKM")}}
    tables = {"archive": {"survey": "sdss", "root": str(path.parent)}, "cutouts": {"size": 64}}
    train = {"kind": "stellar-image", "variant": "cnn", "crop": 32}
    return Subject(tables, catalog, ",", ("frames", "cutouts"), train)


def jobs(folder: Path, subject: Subject, options: argparse.Namespace) -> tuple[Job, Job]:
    """The job that trains, on each object once, and the one that predicts."""
    train = subject.train | ({"variant": options.variant} if options.variant else {})
    model = str(folder / "models" / f"{subject.product}-{train['variant']}")
    workers = {"workers": 1, "threads": options.threads}
    gpu = {"gres": "gpu:1", "memory": "32 GB", **workers}
    cluster = {"workers": os.cpu_count(), "gpu": gpu} if options.gpu else workers
    copies = repeat_catalog(
        Path(subject.catalog["path"]),
        -(-options.objects // FEWEST),
        folder / f"{subject.product}-copies.csv",
        separator=subject.separator,
        rows=options.objects,
    )
    once = {
        "name": "once",
        "output": str(folder / f"{subject.product}-once"),
        "stages": subject.stages,
        "catalog": {**subject.catalog, "split": {"train": 0.6, "validation": 0.1, "test": 0.3}},
        "train": {**train, "classifier": model, "epochs": options.epochs},
    }
    often = {
        "name": "often",
        "output": str(folder / f"{subject.product}-often"),
        "stages": (*subject.stages, "predictions"),
        "catalog": {"path": str(copies), "columns": {"object_id": "copy_id"}},
        "predictions": {"classifier": model, "batch": options.batch},
        "shards": {"objects": options.shard},
        "cluster": cluster,
    }
    return Job.model_validate(once | subject.tables), Job.model_validate(often | subject.tables)


def cpu_seconds() -> float:
    """CPU-seconds of this process and all that it started."""
    here = psutil.Process()
    times = [process.cpu_times() for process in (here, *here.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))


def speeds(works: dict[str, Callable[[], None]], objects: int) -> dict[str, Speed]:
    """Median speed of a few turns, in which the works alternate, after one that compiles."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(1 + TURNS):
        for name, work in works.items():
            begun = time.perf_counter(), time.process_time()
            work()
            measured[name].append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    found = {name: np.median(seconds[1:], axis=0) for name, seconds in measured.items()}
    return {name: Speed(objects / wall, cpu / objects) for name, (wall, cpu) in found.items()}


def network(folder: str, precision: Precision = "float32") -> KerasClassifier[Any]:
    """The trained network."""
    classifier = load_classifier(folder, precision)
    if not isinstance(classifier, KerasClassifier):
        raise TypeError(f"{folder} holds no network")
    return classifier


def each(work: Callable[[Any], object], parts: list[Any]) -> Callable[[], None]:
    """Return the work on one part after another; what it makes is dropped, as on a worker."""

    def all_parts() -> None:
        for part in parts:
            work(part)

    return all_parts


def bare(classifier: KerasClassifier[Any], inputs: npt.NDArray[Any], batch: int) -> Callable[[], None]:
    """Return the work of the network alone on whole batches."""
    return each(classifier.model.predict_on_batch, np.split(inputs, len(inputs) // batch))


@contextmanager
def watched_gpu() -> Iterator[list[float]]:
    """Collect what NVIDIA's tool says of the GPU's utilisation, 0 to 1; nothing where there is no such tool."""
    found: list[float] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(GPU_SECONDS) and (busy := asked_gpu("utilization.gpu")) is not None:
            found.append(busy / 100)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def phase(job: Job) -> tuple[Speed, Speed, list[float]]:
    """Speed of the phase, with the start of the framework and without, and the GPU's utilisation."""
    shutil.rmtree(Path(job.output) / "predictions.zarr", ignore_errors=True)
    moments: list[tuple[float, float, int]] = []

    class Moments(LineProgress):
        def record(self, record: Record) -> None:
            super().record(record)
            if record.stage == "predictions":
                moments.append((time.perf_counter(), cpu_seconds(), record.rows_done))

    begun = cpu_seconds()
    with watched_gpu() as busy:
        summary = run(job, Moments())
    line = summary.stages["predictions"]
    # As many shards as there are threads are begun at once: what they took lies before the steady state.
    first, *rest = moments[min(job.cluster.for_phase(GPU_PHASE).threads, len(moments) - 1) - 1 :]
    objects, wall, cpu = sum(rows for *_, rows in rest), rest[-1][0] - first[0], rest[-1][1] - first[1]
    whole = Speed(line["rows_done"] / line["wall_seconds"], (rest[-1][1] - begun) / line["rows_done"])
    return whole, Speed(objects / wall, cpu / objects), busy[-max(1, int(wall / GPU_SECONDS)) :]


def precisions(folder: str, block: Variables, batch: int) -> list[str]:
    """Speed of the bare network, and what half precision does to the probabilities of each object."""
    lines: list[str] = []
    single: F4 | None = None
    for precision in PRECISIONS:
        classifier = network(folder, precision)
        inputs = classifier.prepare(block)
        fast = speeds({"bare": bare(classifier, inputs, batch)}, len(inputs))["bare"].rate
        probability = classifier.predict_proba(block, batch)
        known = np.isfinite(probability).all(axis=1)
        single = probability if single is None else single
        difference = np.abs(probability - single)[known]
        changed = (probability.argmax(axis=1) != single.argmax(axis=1))[known]
        lines.append(
            f"| {precision} | {fast:,.0f} | {np.percentile(difference.max(axis=1), 50):.1e} | "
            f"{difference.max():.1e} | {changed.sum()} of {known.sum()} |"
        )
    return lines


def main() -> None:
    """Train where that was not done yet, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predict", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", action="store_true", help="cutouts of stars instead of spectra")
    parser.add_argument("--objects", type=int, default=4096)
    parser.add_argument("--shard", type=int, default=512, help="objects in a shard")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=3, help="of the worker")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--variant", help="another network of the same kind")
    parser.add_argument("--precisions", action="store_true", help="compare half precision, too")
    parser.add_argument("--gpu", action="store_true", help="fail where the worker sees no GPU")
    options = parser.parse_args()
    as_a_worker("benchmarks.predict")
    subject = images(options.out) if options.images else spectra(options.out)
    once, often = jobs(options.out, subject, options)
    upstream = {"stages": subject.stages, "cluster": ClusterSection(workers=os.cpu_count())}
    if once.train and not (Path(once.train.classifier) / "manifest.json").exists():
        run(once.model_copy(update=upstream))
        train(once)
    run(often.model_copy(update=upstream))
    whole, steady, busy = phase(often)
    folder = often.predictions.classifier if often.predictions else ""
    classifier = network(folder)
    rows = min(PART, options.objects) // options.batch * options.batch
    block = read_rows(often.output, subject.product, slice(0, rows), classifier.recipe.variables)
    shards = [slice(start, min(start + options.shard, rows)) for start in range(0, rows, options.shard)]
    parts = [{name: values[shard] for name, values in block.items()} for shard in shards]
    works: dict[str, Callable[[], None]] = {
        "the network alone, inputs in memory": bare(classifier, classifier.prepare(block), options.batch),
        "reading its inputs": each(
            lambda shard: read_rows(often.output, subject.product, shard, classifier.recipe.variables), shards
        ),
        "preparing its inputs, one core": each(classifier.prepared, parts),
        "`predict_proba`, product in memory": each(lambda part: classifier.predict_proba(part, options.batch), parts),
    }
    found = speeds(works, rows)
    alone, reading, preparing, _ = found.values()
    least = alone.cpu + reading.cpu + preparing.cpu
    found["network, reading and preparing on one core"] = Speed(1 / least, least)
    found["the phase, Zarr to Zarr, first shard to last"] = steady
    found["the phase with the start of worker and framework"] = whole
    print(machine(), f"; Keras on {backend()}, GPUs: {', '.join(visible_gpus()) or 'none'}", sep="")
    print(f"{options.objects} objects ({subject.product}), {options.batch} at a time, {options.threads} threads\n")
    print("| | objects/s | of the network alone | CPU-µs per object | of the network alone |\n|---|---|---|---|---|")
    print(*(speed.row(name, alone) for name, speed in found.items()), sep="\n")
    print(f"\nGPU busy: {mean(busy):.0%} of the time" if busy else "\nno GPU was to be seen")
    if options.precisions:
        print("\n| precision | network alone, objects/s | median change | largest change | other class |")
        print("|---|---|---|---|---|", *precisions(folder, block, options.batch), sep="\n")


if __name__ == "__main__":
    main()
