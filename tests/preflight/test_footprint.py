"""Files and folders of a product."""

import numpy as np

from survey_batch.preflight.footprint import product_footprint
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, write_shard
from tests.planning.test_plan import plan_of

ROWS = [(field, "") for field in range(10)] * 4 + [(1, "bad")]


def test_files_written_are_those_that_a_product_has(tmp_path):
    plan = plan_of(ROWS, output=str(tmp_path), shards={"objects": 16})
    stage = make_stage(plan.job, "cutouts")
    create_product(plan.job.output, stage.schema(plan.size("object")), {"provenance": {}})
    for shard in plan.shards("object"):
        block = stage.empty_block(len(shard))
        values = {name: np.ones_like(array) for name, array in block.data.items()}
        names = np.array(["x"] * len(shard), dtype=object)
        own = {
            "object_id": names,
            "label": names,
            "split": names,
            "ra": np.ones(len(shard)),
            "dec": np.ones(len(shard)),
        }
        write_shard(plan.job.output, "cutouts", shard, {**own, **values}, block.status)
    found = list((tmp_path / "cutouts.zarr").rglob("*"))
    expected = product_footprint(stage, plan)
    assert sum(path.is_file() for path in found) == expected.files
    assert 1 + sum(path.is_dir() for path in found) == expected.folders
