"""Everything that is worth knowing of a GPU, in one go of eight minutes; on a CPU a small version of it.

    python -m benchmarks.gpu --out FOLDER [--seconds 480] [--objects 40000] [--small]

Keras' backend is that of the environment variable KERAS_BACKEND; without it, the first of JAX, PyTorch and TensorFlow
that is installed and sees a GPU, or else the first that is installed. A convolution along wavelength is trained for a
few epochs on LAMOST spectra (simulated ones, where there are no real ones). Then, as long as there is time:

1. its probabilities on the device against those of a process that sees no GPU;
2. the network alone, by batch size, with the device's memory before and after many passes; also on ONNX Runtime, if
   that has a provider for the GPU;
3. batches that are halved in a process that may use little of the device's memory;
4. the phase from Zarr to Zarr with one and with two threads that prepare beside the one that computes: objects per
   second, the share of the network alone, and how busy the GPU was;
5. half precision: speed, and what it does to probabilities and classes.

Of several GPUs the first of CUDA_VISIBLE_DEVICES is used and watched.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from benchmarks.predict import jobs, network, phase, precisions, spectra
from benchmarks.timing import asked_gpu, machine
from survey_batch.config.job import Job
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.environment import compute_like_a_worker
from survey_batch.execution.runner import run
from survey_batch.models.devices import backend, visible_gpus
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.onnx_session import gpus_of_onnxruntime, open_session
from survey_batch.store.products import read_rows
from survey_batch.training.train import train

BACKENDS = ("jax", "torch", "tensorflow")
NOT_YET = "no GPU was seen: what follows was measured on the CPU, on few objects"
BATCHES, SMALL_BATCHES = (64, 256, 1024, 4096, 16384), (32, 128)
PART = 16384
"""Most rows that are predicted in memory."""
PASSES = 20
LITTLE = 0.01
"""Share of the device's memory that the third part may use."""
THREADS = {"one thread prepares": 2, "two threads prepare": 3}
SEES = "from survey_batch.models.devices import visible_gpus as g; import sys; sys.exit(0 if g() else 3)"
ELSEWHERE = """
import sys
import numpy as np
from survey_batch.models.devices import backend
from survey_batch.models.loading import load_classifier
share, batch = float(sys.argv[3]), int(sys.argv[4])
if share and backend() == "torch":
    import torch
    torch.cuda.set_per_process_memory_fraction(share)
if share and backend() == "tensorflow":
    import tensorflow as tf
    device = tf.config.list_physical_devices("GPU")[0]
    total = 1024 * int(share * 100)
    tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration(memory_limit=total)])
classifier = load_classifier(sys.argv[1])
np.save(sys.argv[2] + ".npy", classifier.predict_proba(dict(np.load(sys.argv[2])), batch))
print(classifier.largest_batch)
"""
"""Predicts in another process: folder, rows, share of the GPU's memory, batch."""


def choose_backend() -> str:
    """Set KERAS_BACKEND, unless it is set; before Keras is imported."""
    if "KERAS_BACKEND" not in os.environ:
        there = [name for name in BACKENDS if find_spec(name)]
        if not there:
            raise SystemExit(f"Keras has nothing to run on: install one of {', '.join(BACKENDS)}")
        sees = (name for name in there if shutil.which("nvidia-smi") and sees_gpu(name))
        os.environ["KERAS_BACKEND"] = next(sees, "tensorflow" if "tensorflow" in there else there[0])
    return os.environ["KERAS_BACKEND"]


def sees_gpu(name: str) -> bool:
    """Tell whether a backend sees a GPU, in a process of its own."""
    environment = {**os.environ, "KERAS_BACKEND": name}
    return (
        subprocess.run([sys.executable, "-c", SEES], env=environment, capture_output=True, check=False).returncode == 0
    )


def elsewhere(folder: str, rows: Path, batch: int, share: float = 0.0, **variables: str) -> tuple[F4, float]:
    """Probabilities from another process, and the largest batch that fitted there."""
    command = [sys.executable, "-c", ELSEWHERE, folder, str(rows), str(share), str(batch)]
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return np.load(f"{rows}.npy"), float(done.stdout.split()[-1])


def device_memory() -> str:
    """Memory of the GPU that is in use by all; "-" where NVIDIA's tool does not say."""
    used = asked_gpu("memory.used")
    return "-" if used is None else f"{used * 2**20 / 1e6:,.0f} MB"


def against(answer: F4, other: F4) -> str:
    """Say how two answers differ."""
    known = np.isfinite(answer).all(axis=1)
    changed = (answer.argmax(axis=1) != other.argmax(axis=1))[known].sum()
    return f"largest difference {np.abs(answer - other)[known].max():.1e}, another class in {changed} of {known.sum()}"


def correctness(
    classifier: KerasClassifier[Any], folder: str, rows: Path, block: Variables, batch: int
) -> Iterator[str]:
    """The first part."""
    here = classifier.predict_proba(block, batch)
    there, _ = elsewhere(folder, rows, batch, CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    yield f"device against CPU: {against(here, there)}"
    again = classifier.predict_proba(block, batch)
    yield f"the same once more on the device: {against(here, again)}"


def bare(work: Callable[[Any], object], part: Any) -> float:
    """Objects per second of a network alone, on batches that lie in the host's memory."""
    work(part)
    taken = []
    for _ in range(PASSES):
        begun = time.perf_counter()
        work(part)
        taken.append(time.perf_counter() - begun)
    return len(part) / median(taken)


def by_batch(classifier: KerasClassifier[Any], inputs: Any, batches: tuple[int, ...]) -> Iterator[str]:
    """The second part."""
    yield "| batch | network alone, objects/s | device memory before | after |"
    yield "|---|---|---|---|"
    for batch in batches:
        part = np.resize(inputs, (batch, *inputs.shape[1:]))
        before = device_memory()
        rate = bare(classifier.model.predict_on_batch, part)
        yield f"| {batch} | {rate:,.0f} | {before} | {device_memory()} |"
    yield from onnx_runtime(classifier, np.resize(inputs, (batches[-1], *inputs.shape[1:])))


def onnx_runtime(classifier: KerasClassifier[Any], part: Any) -> Iterator[str]:
    """The same network on ONNX Runtime's provider for the GPU."""
    if not find_spec("onnxruntime") or not find_spec("onnx"):
        yield "ONNX Runtime is not installed"
        return
    if not gpus_of_onnxruntime():
        yield "ONNX Runtime can use no GPU here"
        return
    from survey_batch.models.engines.onnx_model import onnx_model

    session = open_session(onnx_model(classifier))
    rate = bare(lambda batch: session.run(None, {"inputs": batch}), part)
    yield f"ONNX Runtime on {session.get_providers()[0]}, {len(part)} at a time: {rate:,.0f} objects/s"


def halving(folder: str, rows: Path, answer: F4, gpus: tuple[str, ...]) -> Iterator[str]:
    """The third part."""
    if not gpus:
        yield "not tried: there is no GPU"
        return
    limits = {"XLA_PYTHON_CLIENT_PREALLOCATE": "true", "XLA_PYTHON_CLIENT_MEM_FRACTION": str(LITTLE)}
    there, fitted = elsewhere(folder, rows, 16 * PART, LITTLE, **limits)
    yield f"asked for {16 * PART} rows at a time: {fitted:,.0f} fitted; {against(answer, there)}"


def zarr_to_zarr(folder: Path, options: argparse.Namespace, alone: float) -> Iterator[str]:
    """The fourth part."""
    yield "| | objects/s, first shard to last | of the network alone | with the start of the worker | GPU busy |"
    yield "|---|---|---|---|---|"
    for name, threads in THREADS.items():
        _, job = jobs(folder, spectra(folder), argparse.Namespace(**{**vars(options), "threads": threads}))
        whole, steady, busy = phase(job)
        share = f"{mean(busy):.0%}" if busy else "-"
        yield f"| {name} | {steady.rate:,.0f} | {steady.rate / alone:.3f} | {whole.rate:,.0f} | {share} |"


def prepared(folder: Path, options: argparse.Namespace) -> tuple[str, Job]:
    """Train the network and make the product that is predicted, where that was not done yet."""
    subject = spectra(folder)
    once, often = jobs(folder, subject, options)
    upstream = {"stages": subject.stages, "cluster": ClusterSection(workers=os.cpu_count())}
    if once.train is None:
        raise TypeError("the job does not train")
    if not (Path(once.train.classifier) / "manifest.json").exists():
        run(once.model_copy(update=upstream))
        train(once)
    run(often.model_copy(update=upstream))
    return once.train.classifier, often


def main() -> None:
    """Measure in order of importance until the time is over, and print at once what is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=480, help="begin no further part after so many")
    parser.add_argument("--objects", type=int, default=40_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--small", action="store_true", help="few objects, as where there is no GPU")
    options = parser.parse_args()
    begun = time.monotonic()
    compute_like_a_worker()
    choose_backend()
    gpus = visible_gpus()
    small = options.small or not gpus
    if small:
        options.objects, options.epochs = min(options.objects, 600), min(options.epochs, 2)
    vars(options).update(
        batch=128 if small else 1024, shard=50 if small else 2048, threads=2, gpu=bool(gpus), variant=None
    )
    print(machine(), f"; Keras on {backend()}, GPUs: {', '.join(gpus) or 'none'}", sep="", flush=True)
    if not gpus:
        print(NOT_YET, flush=True)
    folder, job = prepared(options.out, options)
    classifier = network(folder)
    whole_batches = min(PART, options.objects) // options.batch * options.batch
    block = read_rows(job.output, "spectra", slice(0, whole_batches), classifier.recipe.variables)
    rows, inputs = options.out / "rows.npz", classifier.prepare(block)
    np.savez(rows, allow_pickle=False, **block)
    batches = SMALL_BATCHES if small else BATCHES
    part = np.resize(inputs, (options.batch, *inputs.shape[1:]))
    parts: dict[str, Callable[[], Iterator[str] | list[str]]] = {
        "Correctness": lambda: correctness(classifier, folder, rows, block, options.batch),
        "Batch sizes": lambda: by_batch(classifier, inputs, batches),
        "Too little memory": lambda: halving(folder, rows, classifier.predict_proba(block, options.batch), gpus),
        "Zarr to Zarr": lambda: zarr_to_zarr(options.out, options, bare(classifier.model.predict_on_batch, part)),
        "Half precision": lambda: [
            "| precision | network alone, objects/s | median change | largest change | other class |",
            "|---|---|---|---|---|",
            *precisions(folder, block, options.batch),
        ],
    }
    for title, lines in parts.items():
        taken = time.monotonic() - begun
        print(f"\n{title} ({taken:.0f} s after the start)\n", flush=True)
        if taken > options.seconds:
            print("left out: the time is over", flush=True)
            continue
        try:
            for line in lines():
                print(line, flush=True)
        except Exception as error:  # noqa: BLE001 - what comes after it is worth having
            print(f"FAILED: {type(error).__name__}: {error}", flush=True)


if __name__ == "__main__":
    main()
