"""The number of files and folders in an output: each takes an inode, and a quota may count them."""

from dataclasses import dataclass

from survey_batch.planning.plan import Plan
from survey_batch.stages import Stage

OTHER_FILES = 7
"""Files of a run besides products: two parts of the plan, lock, log, `run.json`, `problems.parquet` and `zarr.json`."""
OTHER_FOLDERS = 4
"""The output itself, and its folders `plan`, `log` and `problems`."""


@dataclass(frozen=True)
class Footprint:
    """Files and folders; each takes an inode."""

    files: int
    """Approximate number of files."""
    folders: int
    """Approximate number of folders."""

    @property
    def inodes(self) -> int:
        """Both together."""
        return self.files + self.folders


def product_footprint(stage: Stage, plan: Plan) -> Footprint:
    """Count a product's files and folders, but for what the stage will learn from another product.

    Each array is a folder with its metadata and a folder `c`. In `c` each shard is a file, inside one folder for each
    further dimension. The small fixed arrays have one file each.
    """
    schema, shards = stage.schema(plan.size(stage.axis)), len(plan.shards(stage.axis))
    arrays = [(shards, variable.dims) for variable in (*schema.variables, schema.status)]
    arrays += [(1, dims) for dims, _, _ in schema.coordinates.values()]
    files = 1 + sum(1 + count for count, _ in arrays)
    return Footprint(files, 1 + sum(2 + count * (len(dims) - 1) for count, dims in arrays))
