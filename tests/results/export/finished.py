"""A finished job with predictions, features, labels and problems; its catalogue is not in the order of its products."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.core.paths import write_json
from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.problems import PROBLEM_SCHEMA
from survey_batch.store.products import create_product, open_group, write_shard
from survey_batch.store.schema import cut_into_shards
from tests.jobs import lamost_job
from tests.report.outputs import SHARD, attributes, identity, make_predictions, make_spectra

ROWS = 24
CLASSES = ("A", "a", "O8e (188001)")
COLUMNS = ("sb_probability_A", "sb_probability_a_2", "sb_probability_O8e_188001")
"""Columns of the probabilities of `CLASSES`."""
NOT_OK = 5
"""Place in the plan of the object without results."""
REASON = "spectra: no such file"


def finished_job(folder):
    """Objects 1000 to 1023 in descending order in the catalogue, and in ascending order in the plan."""
    order = np.arange(ROWS)[::-1]
    table = pa.table(
        {
            "obsid": pa.array(1000 + order),
            "filename": [f"spec-{row:02d}.fits" for row in order],
            "planid": [f"P{row:02d}" for row in order],
            "ra": pa.array(10.0 + order / 7),
            "dec": pa.array(order / 9.0),
            "class": [CLASSES[row % 3] if row % 4 else "" for row in order],
            "gaia": pa.array([None if row == 3 else 4295806720123456789 + int(row) for row in order], pa.int64()),
            "clean": pa.array([None if row == 2 else bool(row % 2) for row in order]),
            "remark": ["Boötes" if row == 1 else None if row == 4 else "" for row in order],
            "flux": pa.array([[float(row), -1.5] for row in order], pa.list_(pa.float32(), 2)),
        }
    )
    unit = {b"unit": b"Jy", b"description": b"peak flux, in two bands"}
    table = table.cast(
        pa.schema([field.with_metadata(unit) if field.name == "flux" else field for field in table.schema])
    )
    pq.write_table(table, folder / "objects.parquet")
    keys = {"catalog": {"path": str(folder / "objects.parquet"), "label": "class"}}
    keys |= {"archive": {"survey": "lamost", "root": "https://archive.example/lamost"}}
    job = lamost_job(
        keys, folder / "out", ("spectra", "features", "predictions"), predictions={"classifier": "unused"},
        spectra={"wavelength_min": 6000.0, "wavelength_max": 7000.0}, spectral_features={"components": 0, "blocks": 2},
    )  # fmt: skip
    make_plan(job).store()
    status = np.full(ROWS, Status.OK, np.uint8)
    status[NOT_OK] = Status.NOT_FOUND
    make_spectra(job, ROWS, status=status)
    make_features(job, status)
    make_predictions(job, ROWS, classes=CLASSES)
    open_group(job.output, "predictions")["status"][NOT_OK : NOT_OK + 1] = status[NOT_OK : NOT_OK + 1]
    problem = dict.fromkeys(PROBLEM_SCHEMA.names) | {"stage": "spectra", "row": NOT_OK, "message": "no such file"}
    pq.write_table(pa.Table.from_pylist([problem], PROBLEM_SCHEMA), f"{job.output}/problems.parquet")
    write_json(f"{job.output}/run.json", {"versions": {"numpy": "2.1"}})
    return job


def make_features(job, status):
    """Write the `features` product: object i has i + j / 100 in column j, and nothing in column 1 of object 7."""
    stage = make_stage(job, "features")
    create_product(job.output, stage.schema(len(status)), attributes(job))
    for shard in cut_into_shards("object", len(status), SHARD):
        rows = np.arange(shard.start, shard.stop)
        value = (rows[:, None] + np.arange(len(stage.features())) / 100).astype(np.float32)
        value[rows == 7, 1] = np.nan
        write_shard(job.output, "features", shard, {**identity(rows), "value": value}, status[shard.rows])


def features_of(job):
    """Names of the features."""
    return [feature.name for feature in make_stage(job, "features").features()]


def make_spectra_product(job):
    """Make the product of a job's only stage."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    plan.store()
    create_product(job.output, stage.schema(plan.size("object")), {"provenance": provenance_of(plan, stage)})
    for shard in plan.shards("object"):
        run_shard(job, "spectra", shard)


def by_id(table):
    """Rows of an export by the object's id."""
    return {row["sb_object_id"]: row for row in table.to_pylist()}
