"""Small outputs to report on, made without running a job: products, notes of problems, a log and accounts."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.core.paths import write_json
from survey_batch.core.status import Status
from survey_batch.planning.stored import table_path
from survey_batch.spectra.grid import log_grid
from survey_batch.stages import make_stage
from survey_batch.store.problems import PROBLEM_SCHEMA
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Variable, cut_into_shards
from tests.jobs import lamost_job, sdss_job

CLASSES = ("A", "G", "M")
SHARD = 8


def spectra_job(output, stages=("spectra", "predictions")):
    keys = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}
    wavelength = {"wavelength_min": 6000.0, "wavelength_max": 7000.0}
    return lamost_job(keys, output, stages, predictions={"classifier": "unused"}, spectra=wavelength)


def cutouts_job(output):
    return sdss_job("unused", "unused", output, stages=["cutouts"], cutouts={"size": 16}, shards={"objects": SHARD})


def attributes(job):
    return {"provenance": {}, "job": job.model_dump(mode="json")}


def identity(rows, labels=CLASSES):
    """Object coordinates: two patches on the sky, labels in turn, a third of the objects for testing."""
    rows = np.asarray(rows)
    return {
        "object_id": np.array([f"object-{row}" for row in rows], dtype=object),
        "ra": np.where(rows % 2, 359.99, 150.0) + rows / 1000,
        "dec": 2.0 + rows / 1000,
        "label": np.array([labels[row % len(labels)] if labels else "" for row in rows], dtype=object),
        "split": np.array(["test" if row % 3 == 0 else "train" for row in rows], dtype=object),
    }


def make_spectra(job, objects=24, shards=None, status=None, **coordinates):
    """Write the `spectra` product, or only its first shards."""
    create_product(job.output, make_stage(job, "spectra").schema(objects), attributes(job))
    status = np.full(objects, Status.OK, np.uint8) if status is None else status
    pixels = log_grid(6000.0, 7000.0).size
    for shard in cut_into_shards("object", objects, SHARD)[:shards]:
        flux = np.random.default_rng(shard.index).normal(100, 3, (len(shard), pixels)).astype(np.float32)
        data = {"flux": flux, "ivar": np.full_like(flux, 0.1), "mask": np.zeros(flux.shape, np.int32)}
        data["mask"][:, 100:150] = 1
        data |= {"redshift": np.zeros(len(shard), np.float32), "snr": np.full(len(shard), 30, np.float32)}
        here = {**identity(range(shard.start, shard.stop)), **coordinates}
        write_shard(job.output, "spectra", shard, {**here, **data}, status[shard.rows])


MANIFEST = {
    "kind": "spectral-type",
    "variant": "lines",
    "classes": CLASSES,
    "temperature": 1.25,
    "seed": 3,
    "training": {
        "fingerprint": "0123456789abcdef" * 4,
        "objects": {"train": {"A": 100, "G": 900, "M": 50}, "validation": {}, "test": {"A": 10}},
        "stars_in_train_and_test": 2,
    },
    "metrics": {
        "test": {"prior": "equal", "objects": 10, "accuracy": 0.9, "accuracy_95": [0.6, 0.98], "macro_f1": 0.85},
        "table of others": {"rows": 3},
    },
    "versions": {"keras": "3.15.1"},
}
"""What a product of predictions says of its classifier."""


def make_predictions(job, objects=24, wrong=(4,), classes=CLASSES, threshold=0.0, manifest=MANIFEST):
    """Write the `predictions` product: the label with a probability of 0.8, but for the rows in `wrong`.

    Every fifth object has 0.6 instead, which may be below the threshold.
    """
    variables = (
        *OBJECT_COORDINATES,
        Variable("probability", ("object", "class"), "f4"),
        Variable("predicted_class", ("object",), "string"),
        Variable("confidence", ("object",), "f4"),
    )
    names = {"class": (("class",), np.array(classes), {})}
    sizes = {"object": objects, "class": len(classes)}
    about = {"classifier": json.dumps(manifest)} if manifest else {}
    schema = Schema("predictions", "object", sizes, SHARD, variables, names, attrs=about)
    provenance = {"provenance": {"predictions.threshold": threshold} if threshold else {}}
    create_product(job.output, schema, {**attributes(job), **provenance})
    for shard in cut_into_shards("object", objects, SHARD):
        rows = np.arange(shard.start, shard.stop)
        best = (rows + np.isin(rows, wrong)) % len(classes)
        sure = np.where(rows % 5 == 0, 0.6, 0.8)
        probability = np.repeat((1 - sure)[:, None] / (len(classes) - 1), len(classes), axis=1).astype(np.float32)
        probability[np.arange(len(rows)), best] = sure
        data = {
            "probability": probability,
            "predicted_class": np.where(sure < threshold, "", np.array(classes, dtype=object)[best]),
            "confidence": probability.max(axis=1),
        }
        here = identity(rows, labels=classes)
        write_shard(job.output, "predictions", shard, {**here, **data}, np.ones(len(rows), np.uint8))


def make_embedding(job, vectors, status=None):
    """Write the `predictions` product of an embedding, (object, dimension), and the plan behind it."""
    objects, dimensions = vectors.shape
    schema = Schema(
        "predictions",
        "object",
        {"object": objects, "dimension": dimensions},
        SHARD,
        (*OBJECT_COORDINATES, Variable("embedding", ("object", "dimension"), "f4")),
        attrs={"classifier": json.dumps(EMBEDDER | {"dimensions": dimensions})},
    )
    create_product(job.output, schema, attributes(job))
    status = np.full(objects, Status.OK, np.uint8) if status is None else status
    for shard in cut_into_shards("object", objects, SHARD):
        data = {**identity(range(shard.start, shard.stop)), "embedding": vectors[shard.rows]}
        write_shard(job.output, "predictions", shard, data, status[shard.rows])
    write_plan(job, objects)


def write_plan(job, objects=24):
    """Store the plan of objects that `identity` makes."""
    path = Path(table_path(job.output, "object"))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(identity(range(objects))), path)


EMBEDDER = {
    "kind": "spectrum-embedding",
    "variant": "autoencoder",
    "classes": (),
    "temperature": 1.0,
    "seed": 3,
    "training": {
        "objects": {"train": {"": 1200}, "test": {"": 40}},
        "reconstruction": {"objects": 40, "embedding": 0.01, "components": 0.02, "mean_spectrum": 0.5, "noise": 0.005},
    },
    "metrics": {},
    "versions": {"keras": "3.15.1"},
}
"""What predictions say of a model that answers with an embedding."""


def pictures_job(output, survey, product):
    keys = {"catalog": {"path": "unused"}, "archive": {"survey": survey, "root": "unused"}}
    return lamost_job(keys, output, (product, "predictions"), predictions={"classifier": "unused"})


def make_pictures(job, product, objects=24, labels=CLASSES):
    """Write `composites` of 64 pixels or `stamps` of 16 pixels: a star of another colour or noise each."""
    size = 16 if product == "stamps" else 64
    y, x = np.indices((size, size)) - (size - 1) / 2
    star = np.exp(-(x**2 + y**2) / 8)
    stamps = product == "stamps"
    name, dims = ("flux", ("object", "y", "x")) if stamps else ("image", ("object", "y", "x", "channel"))
    variables = (*OBJECT_COORDINATES, Variable(name, dims, "f4" if stamps else "u1"))
    sizes = {"object": objects, "y": size, "x": size, **({} if stamps else {"channel": 3})}
    schema = Schema(product, "object", sizes, SHARD, variables)
    create_product(job.output, schema, {**attributes(job), "provenance": {"archive.survey": job.archive.survey}})
    for shard in cut_into_shards("object", objects, SHARD):
        rows = np.arange(shard.start, shard.stop)
        noise = np.random.default_rng(shard.index).normal(0, 0.02, (len(rows), size, size))
        pixels = (star + noise).astype(np.float32)
        if not stamps:
            colour = np.random.default_rng(shard.index).uniform(0.3, 1, (len(rows), 1, 1, 3))
            pixels = (255 * np.clip(pixels[..., None] * colour, 0, 1)).astype(np.uint8)
        status = np.full(len(rows), Status.OK, np.uint8)
        write_shard(job.output, product, shard, {**identity(rows, labels), name: pixels}, status)


def make_cutouts(job, objects=16):
    """Write the `cutouts` product: a star on noise; every fourth object lacks the i band."""
    create_product(job.output, make_stage(job, "cutouts").schema(objects), attributes(job))
    y, x = np.indices((16, 16)) - 7.5
    star = 5 * np.exp(-(x**2 + y**2) / 4)
    for shard in cut_into_shards("object", objects, SHARD):
        rows = np.arange(shard.start, shard.stop)
        noise = np.random.default_rng(shard.index).normal(0, 0.05, (len(rows), 5, 16, 16))
        flux = (noise + star).astype(np.float32)
        flux[rows % 4 == 0, 3] = np.nan
        status = np.where(rows % 4 == 0, Status.PARTIAL, Status.OK).astype(np.uint8)
        places = {name: np.full((len(rows), 5), 7.5) for name in ("x_object", "y_object")}
        data = {**make_stage(job, "cutouts").empty_block(len(rows)).data, **identity(rows, labels=()), "flux": flux}
        write_shard(job.output, "cutouts", shard, {**data, **places}, status)


def shard_line(stage, index, rows=SHARD, time="2026-01-01T00:00:10Z", seconds=10.0):
    """A line of a run's log."""
    record = {"stage": stage, "shard": index, "rows_done": rows, "seconds": seconds, "cpu_seconds": 4.0, "nbytes": 100}
    return {"time": time, "event": "shard", "record": {**record, "counts": {"ok": rows}}}


def write_log(job, lines, name="20260101T000000.jsonl"):
    """Write a run's log that begins with the job."""
    folder = f"{job.output}/log"
    started = {"time": "2026-01-01T00:00:00Z", "event": "started", "job": job.model_dump(mode="json")}
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, name).write_text("\n".join(json.dumps(line) for line in [started, *lines]) + "\n")


def write_accounts(job, stages, **more):
    """Write `run.json` with one run."""
    run = {"started": "2026-01-01T00:00:00+00:00", "seconds": 75.0, "log": "unused", "stages": stages}
    job_keys = job.model_dump(mode="json")
    write_json(f"{job.output}/run.json", {"job": job_keys, "versions": {"numpy": "2"}, "runs": [run], **more})


def problem_table(*rows):
    """Problems from (object_id, stage, status, message)."""
    keys = ("object_id", "stage", "status", "message")
    return pa.Table.from_pylist([{**dict(zip(keys, row, strict=True)), "row": 0} for row in rows], PROBLEM_SCHEMA)
