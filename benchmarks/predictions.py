"""The phase that predicts, shard by shard, against its network alone."""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from benchmarks import spectra
from benchmarks.data import Data
from benchmarks.pipeline import ready, run_through
from benchmarks.predict import network
from benchmarks.rows import Row, Side, UnmeasuredError
from benchmarks.variants import CASES, fitted
from survey_batch.store.products import open_group, read_rows, stored

NAME = "spectral-type/convolution"
BATCH, OBJECTS = 256, 512
CLOSE = 1e-5
"""Largest difference of probabilities: a matrix product may round by where a row lies in its batch."""


def save_network(folder: str) -> None:
    """Fit the network for one epoch, and save it; its time does not depend on its weights."""
    fitted(NAME, CASES[NAME], Path(folder).parent).save(folder)


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    if not all(map(find_spec, ("keras", "tensorflow"))):
        raise UnmeasuredError("TensorFlow is not installed")
    folder = str(scratch / "model")
    # In a process of its own: TensorFlow is slower where a network has been trained.
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        other.submit(save_network, folder).result()
    shards = {"objects": BATCH}
    run_through(spectra.copied(data, "spectra", scratch, OBJECTS, shards=shards))
    predictions = {"classifier": folder, "batch": BATCH}
    job = spectra.copied(data, ["spectra", "predictions"], scratch, OBJECTS, shards=shards, predictions=predictions)
    classifier = network(folder)
    block = read_rows(job.output, "spectra", slice(0, OBJECTS), classifier.recipe.variables)
    batches = np.split(classifier.prepare(block), OBJECTS // BATCH)

    def agreement() -> str:
        ours = np.asarray(stored(open_group(job.output, "predictions"), "probability")[:])
        alone = classifier.predict_proba(block, BATCH)
        largest = float(np.nanmax(np.abs(ours - alone)))
        if largest > CLOSE or not np.array_equal(np.isnan(ours), np.isnan(alone)):
            raise RuntimeError(f"probabilities of the phase differ by {largest} from those in memory")
        return (
            f"largest difference from probabilities made in memory {largest:.0e}; Dask and its processes are left out"
        )

    return Row(
        "spectrum",
        OBJECTS,
        Side(
            f"spectral types of {OBJECTS} spectra by the convolution, from spectra.zarr to predictions.zarr, "
            f"{BATCH} at a time",
            lambda: ready(job),
        ),
        Side(
            "the network alone, its inputs prepared in memory",
            lambda: [partial(classifier.model.predict_on_batch, batch) for batch in batches],
        ),
        notes=lambda _: [agreement()],
    )
