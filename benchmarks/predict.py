"""The phase that predicts: objects per second against the bare network, precision, and how busy a GPU is.

    python -m benchmarks.predict --out FOLDER [--objects 4096] [--batch 256] [--gpu]

A network that convolves along wavelength is trained on the LAMOST spectra at hand, which are then listed again and
again under other identifiers. Compared are: the network alone on inputs that lie prepared in memory, which no program
can beat; `predict_proba` on spectra in memory; and the phase from Zarr to Zarr on one worker, with and without the
start of the framework. Keras' backend is that of the environment variable KERAS_BACKEND.
"""

import argparse
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.data import find_data, repeat_catalog
from benchmarks.timing import machine
from survey_batch.classifiers.artifact import load_classifier
from survey_batch.classifiers.base import F4, Block
from survey_batch.classifiers.devices import backend, visible_gpus
from survey_batch.classifiers.keras_family import KerasClassifier
from survey_batch.classifiers.train import train
from survey_batch.job import Job
from survey_batch.products import read_rows
from survey_batch.progress import LineProgress
from survey_batch.runner import run
from survey_batch.sections.models import Precision
from survey_batch.work import Record

TURNS = 3
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_float16", "mixed_bfloat16")
GPU_SECONDS = 0.2
"""Between two looks at the GPU."""


def jobs(folder: Path, objects: int, batch: int, epochs: int, *, gpu: bool) -> tuple[Job, Job]:
    """The job that trains, on each spectrum once, and the one that predicts."""
    data = find_data(folder)
    copies = repeat_catalog(data.spectra, -(-objects // 300), folder / "copies.csv", separator="|", rows=objects)
    cluster: dict[str, Any] = {"workers": 1, **({"gpu": {"gres": "gpu:1"}} if gpu else {})}
    common = {"archive": {"survey": "lamost", "root": str(data.lamost)}, "cluster": cluster}
    model = str(folder / "models" / "convolution")
    training = {"kind": "spectral-type", "variant": "convolution", "classifier": model, "epochs": epochs}
    catalog = {"label": "mk_class", "select": {"object_class": ["STAR"]}}
    once = Job.model_validate(
        {
            "name": "once",
            "output": str(folder / "once"),
            "stages": ["spectra"],
            "catalog": {"path": str(data.spectra), **catalog, "split": {"train": 0.7, "test": 0.3}},
            "train": training,
            **common,
        }
    )
    often = Job.model_validate(
        {
            "name": "often",
            "output": str(folder / "often"),
            "stages": ["spectra", "predictions"],
            "catalog": {"path": str(copies), "columns": {"object_id": "copy_id"}},
            "predictions": {"classifier": model, "batch": batch},
            "shards": {"objects": 512},
            **common,
        }
    )
    return once, often


def speed(work: Callable[[], object], objects: int) -> float:
    """Objects per second, the median of a few turns after one that compiles."""
    work()
    seconds = []
    for _ in range(TURNS):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return objects / median(seconds)


def network(folder: str, precision: Precision = "float32") -> KerasClassifier[Any]:
    """The trained network."""
    classifier = load_classifier(folder, precision)
    if not isinstance(classifier, KerasClassifier):
        raise TypeError(f"{folder} holds no network")
    return classifier


def bare(classifier: KerasClassifier[Any], inputs: npt.NDArray[Any], batch: int) -> float:
    """The network alone on whole batches."""
    whole = len(inputs) // batch * batch
    parts = np.split(inputs[:whole], whole // batch)
    return speed(lambda: [classifier.model.predict_on_batch(part) for part in parts], whole)


@contextmanager
def watched_gpu() -> Iterator[list[float]]:
    """Collect what NVIDIA's tool says of the GPU's utilisation, 0 to 1; nothing where there is no such tool."""
    found: list[float] = []
    ended = threading.Event()
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]

    def look() -> None:
        while shutil.which(command[0]) and not ended.wait(GPU_SECONDS):
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            found.extend(float(line) / 100 for line in said.split())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def phase(job: Job) -> tuple[float, float, list[float]]:
    """Objects per second of the phase, with the start of the framework and without, and the GPU's utilisation."""
    shutil.rmtree(Path(job.output) / "predictions.zarr", ignore_errors=True)
    moments: list[tuple[float, int]] = []

    class Moments(LineProgress):
        def record(self, record: Record) -> None:
            super().record(record)
            if record.stage == "predictions":
                moments.append((time.perf_counter(), record.rows_done))

    with watched_gpu() as busy:
        summary = run(job, Moments())
    line = summary.stages["predictions"]
    (first, _), *rest = moments
    steady = sum(rows for _, rows in rest) / (rest[-1][0] - first)
    return line["rows_done"] / line["wall_seconds"], steady, busy[-max(1, int((rest[-1][0] - first) / GPU_SECONDS)) :]


def precisions(folder: str, block: Block, batch: int, limit: int) -> list[str]:
    """Speed of the bare network, and what half precision does to the probabilities of each spectrum."""
    part = {name: values[:limit] for name, values in block.items()}
    lines: list[str] = []
    single: F4 | None = None
    for precision in PRECISIONS:
        classifier = network(folder, precision)
        fast = bare(classifier, classifier.prepare(part), batch)
        probability = classifier.predict_proba(part, batch)
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
    parser.add_argument("--objects", type=int, default=4096)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--gpu", action="store_true", help="fail where the worker sees no GPU")
    options = parser.parse_args()
    once, often = jobs(options.out, options.objects, options.batch, options.epochs, gpu=options.gpu)
    run(once)
    if once.train and not (Path(once.train.classifier) / "manifest.json").exists():
        train(once)
    run(often.model_copy(update={"stages": ("spectra",)}))
    whole, steady, busy = phase(often)
    folder = often.predictions.classifier if often.predictions else ""
    classifier = network(folder)
    block = read_rows(often.output, "spectra", slice(0, options.objects), classifier.recipe.variables)
    alone = bare(classifier, classifier.prepare(block), options.batch)
    memory = speed(lambda: classifier.predict_proba(block, options.batch), options.objects)
    print(machine(), f"; Keras on {backend()}, GPUs: {', '.join(visible_gpus()) or 'none'}", sep="")
    print(f"{options.objects} spectra, {options.batch} at a time\n")
    print("| | objects/s | of the bare network |\n|---|---|---|")
    for name, found in (
        ("the network alone, inputs in memory", alone),
        ("predict_proba, spectra in memory", memory),
        ("the phase, Zarr to Zarr, first shard to last", steady),
        ("the phase with the start of worker and framework", whole),
    ):
        print(f"| {name} | {found:,.0f} | {found / alone:.2f} |")
    print(f"\nGPU busy: {mean(busy):.0%} of the time" if busy else "\nno GPU was to be seen")
    print("\n| precision | network alone, objects/s | median change | largest change | other class |")
    print("|---|---|---|---|---|", *precisions(folder, block, options.batch, 300), sep="\n")


if __name__ == "__main__":
    main()
