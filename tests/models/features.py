"""A small table of features whose first two columns tell three classes apart, and its product."""

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable

NAMES = ("colour_ug", "colour_gr", "psf_flux", "psf_flux_error", "zero", "never")
CENTRES = {"GALAXY": (0, 0), "QSO": (3, 0), "STAR": (0, 3)}


def make_table(labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Rows (object, feature) with a tenth of the second colour missing, a constant column and an empty one."""
    random = np.random.default_rng(seed)
    colours = np.array([CENTRES.get(label, (0, 0)) for label in labels]) + 0.7 * random.normal(size=(len(labels), 2))
    colours[random.random(len(labels)) < 0.1, 1] = np.nan
    flux = 10 ** random.uniform(-3, 12, (len(labels), 2))
    rest = np.tile([0.0, np.nan], (len(labels), 1))
    return {"value": np.concatenate([colours, flux, rest], axis=1).astype(np.float32)}


def features_job(folder, **train_keys) -> Job:
    return Job.model_validate(
        {
            "name": "test",
            "output": str(folder / "out"),
            "stages": ["cutouts", "features"],
            "catalog": {"path": "catalog.csv", "label": "class"},
            "archive": {"survey": "sdss", "root": "frames"},
            "train": {"classifier": str(folder / "model"), "kind": "table", "epochs": 20, "members": 2, **train_keys},
        }
    )


def write_features(job: Job, labels: np.ndarray, names: tuple[str, ...] = NAMES) -> None:
    """Write the product `features`, two ninths of it for the test; the first row could not be measured."""
    rows = len(labels)
    schema = Schema(
        "features",
        "object",
        {"object": rows, "feature": len(names)},
        rows,
        (*OBJECT_COORDINATES, Variable("value", ("object", "feature"), "f4")),
        {"feature": (("feature",), np.array(names), {})},
    )
    create_product(job.output, schema, {"job": "test", "provenance": {}})
    block = make_table(labels, 1)
    block["value"][0] = np.nan
    status = np.full(rows, Status.OK, np.uint8)
    data = {
        **block,
        "object_id": np.array([f"id-{row}" for row in range(rows)], dtype=object),
        "ra": 10.0 + np.arange(rows),
        "dec": np.zeros(rows),
        "label": labels.astype(object),
        "split": np.array([*["train"] * 6, "validation", "test", "test"], dtype=object)[np.arange(rows) % 9],
    }
    write_shard(job.output, "features", Shard("object", 0, 0, rows), data, status)
