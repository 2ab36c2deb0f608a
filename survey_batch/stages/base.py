"""The stage: it binds pure kernels to one product and does not use Dask."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, cast

import numpy as np

from survey_batch.core.arrays import Flags
from survey_batch.core.status import Status
from survey_batch.images.reader import Field
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.context import Context
from survey_batch.store.problems import Problem
from survey_batch.store.schema import OBJECT_COORDINATES, Array, Axis, Schema, Shard, Variable

Phase = Literal["ingest", "prepare", "predict"]
Coordinates = dict[str, tuple[tuple[str, ...], Array, Mapping[str, Any]]]
"""Small fixed arrays of a product: name to (dims, values, attributes)."""

PHASES: tuple[Phase, ...] = ("ingest", "prepare", "predict")


@dataclass
class Block:
    """A stage's results for some rows: arrays whose first dimension is the row, statuses and problems."""

    data: dict[str, Array]
    status: Array
    problems: list[Problem] = field(default_factory=list)

    def fail(self, row: int, status: Status, message: str, source: str, traceback: str = "") -> None:
        """Set the status of a row, with the reason."""
        self.fail_band(row, ..., status, message, source, traceback)

    def fail_band(self, row: int, band: Any, status: Status, message: str, source: str, traceback: str = "") -> None:
        """Set the status of one band of a row, with the reason."""
        self.status[row, band] = status
        self.problems.append(Problem(row, status, message, source, traceback))


@dataclass(frozen=True)
class Cost:
    """An estimate of a stage's needs before any work.

    Attributes
    ----------
    files, fetch_bytes : int
        Files and bytes fetched from the archive.
    worker_bytes : int
        Memory for one shard in one thread of a worker.
    cpu_seconds : float
        CPU time, shared by all workers.
    start_seconds : float
        Time before the first shard, whatever the number of workers.
    process_bytes : int
        Memory of a worker besides its shards, whatever the number of its threads.
    at_once : int
        Files that one shard requests from a remote archive at a time.
    requests : int
        Requests for each of the files.
    unknown : str
        What the CPU time leaves out because nobody has measured it, in words; empty if nothing.
    """

    files: int = 0
    fetch_bytes: int = 0
    worker_bytes: int = 0
    cpu_seconds: float = 0.0
    start_seconds: float = 0.0
    process_bytes: int = 0
    at_once: int = 1
    requests: int = 1
    unknown: str = ""


class Stage(ABC):
    """One product and the kernels that make it.

    Attributes
    ----------
    name : str
        Name of the stage and of its product.
    catalog_columns : tuple of str
        Columns of the catalogue, besides id, position and key, on which its values depend.
    axis : str
        Axis along which the product is sharded.
    phase : str
        Kind of worker that runs the stage.
    upstream : str or None
        The product, on the same axis, that this stage works on; its statuses are passed on.
    input_variables : tuple of str
        Variables read from the upstream product.
    reads_fields_of : tuple of str
        Products with a row for each field that this stage reads besides; `touches` says for which objects.
    from_fields : bool
        Whether the rows are the fields in the job's list, whatever objects there are.
    in_steps : bool
        Whether loading, computing and writing a shard are separate tasks, so that the next shard loads while this one
        computes. With `gpu`, only where workers have one.
    gpu : bool
        Whether the computation uses a GPU if workers have one.
    requires_fit : bool
        Whether the stage must learn from the whole upstream product before the first block. It learns in parts:
        `fit_sample` chooses from which objects, `fit_part` sums some shards, `fit_merge` adds sums in the order of
        their shards, and `fit_end` turns the total into the coordinates that are stored in the product at its creation.
    """

    name: str
    catalog_columns: ClassVar[tuple[str, ...]] = ()
    axis: ClassVar[Axis] = "object"
    phase: Phase = "prepare"
    upstream: str | None = None
    input_variables: tuple[str, ...] = ()
    reads_fields_of: tuple[str, ...] = ()
    from_fields: ClassVar[bool] = False
    in_steps: bool = False
    gpu: bool = False
    requires_fit: bool = False

    def __init__(self, context: Context) -> None:
        self.context = context

    def other(self, name: str) -> "Stage":
        """Return another stage of the job."""
        return cast("Stage", self.context.stages(name))

    def fixed_coordinates(self) -> Coordinates | None:
        """Return the coordinates that are stored in the product at its creation if the stage learns nothing."""
        return None

    def basis(self) -> str | None:
        """Return a fingerprint of what the stage learnt from the upstream product, once it is known."""
        return None

    def columns_read(self) -> tuple[str, ...]:
        """Return the columns of the catalogue on which its values depend, also through the products it works on."""
        upstream = self.other(self.upstream).columns_read() if self.upstream else ()
        return (*self.catalog_columns, *upstream)

    @property
    def stored(self) -> bool:
        """Whether the product is stored; otherwise its blocks are handed on to the stages that use it."""
        return self.context.keep

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Return all settings that affect this product's values, including its upstream's settings."""

    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """Return the arrays of the product without `status` and object coordinates."""

    @abstractmethod
    def coordinates(self) -> Coordinates:
        """Return the small fixed arrays of the product."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Return the lengths of the dimensions other than the axis."""

    def prepare(self, inputs: Rows) -> Rows:
        """Prepare rows of the upstream product for `compute`; this can run while another shard computes."""
        return inputs

    @abstractmethod
    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Make the product's values for usable rows; the result depends only on these rows and the settings.

        Parameters
        ----------
        rows
            Rows of the catalogue, with `index_in_shard`, each row's index in its shard.
        inputs
            The result of `prepare`.
        """

    @abstractmethod
    def cost(self, plan: Plan) -> Cost:
        """Estimate what the stage needs."""

    @property
    def less_memory(self) -> str:
        """What to lower so that a shard takes less memory; empty if nothing."""
        return f"shards.objects (now {self.context.shard_rows})" if self.axis == "object" else ""

    def touches(self, fields: Collection[Field], objects: Rows) -> Flags:
        """Tell which objects may have been made from any of some fields of `reads_fields_of`."""
        raise NotImplementedError

    def check(self) -> None:  # noqa: B027 - most stages have nothing to add
        """Refuse a job that this stage cannot do, before any work is done; ConfigurationError says why."""

    def check_plan(self, plan: Plan) -> None:  # noqa: B027 - most stages have nothing to add
        """Refuse objects that this stage cannot work on, before any work is done, as `check` does."""

    def settings_for(self, plan: Plan) -> dict[str, Any]:  # noqa: ARG002 - most stages have the same for all
        """Return the settings that affect this product's values, given the objects."""
        return self.settings()

    def fit_sample(self, plan: Plan) -> Any:  # noqa: ARG002 - most stages learn from all
        """Choose the objects to learn from; None means all. The choice depends on the objects alone."""
        return None

    def fit_part(self, shards: Sequence[Shard], sample: Any = None) -> Any:
        """Sum up some shards, in order; `sample` is what `fit_sample` returned."""
        raise NotImplementedError

    def fit_merge(self, parts: Sequence[Any]) -> Any:
        """Add the sums of consecutive parts without changing them, because another attempt may need them."""
        raise NotImplementedError

    def fit_end(self, whole: Any) -> Coordinates:
        """Turn the sum over all shards into the coordinates that every block needs."""
        raise NotImplementedError

    @property
    def status_dims(self) -> tuple[str, ...]:
        """Dimensions of `status`."""
        return (self.axis,)

    def schema(self, size: int, fitted: Coordinates | None = None) -> Schema:
        """Fix the product's shape for an axis of `size` rows."""
        own = OBJECT_COORDINATES if self.axis == "object" else ()
        return Schema(
            product=self.name,
            axis=self.axis,
            sizes={self.axis: size, **self.sizes()},
            shard_rows=self.context.shard_rows if self.axis == "object" else 1,
            variables=(*own, *self.variables()),
            coordinates={**self.coordinates(), **(fitted or {})},
            status_dims=self.status_dims,
        )

    def empty_block(self, rows: int) -> Block:
        """Make a block with fill values in all rows and status `ok`."""
        schema = self.schema(rows)
        data = {variable.name: variable.empty(schema.shape(variable, rows)) for variable in self.variables()}
        return Block(data, np.full(schema.shape(schema.status, rows), Status.OK, dtype=np.uint8))

    def row_name(self, rows: Rows, row: int) -> str:
        """Name a row in `problems.parquet`."""
        return str(rows["object_id"][row])


FIT_SHARDS = 16
"""Shards that one task sums up when a stage learns from a whole product."""


def fit_groups(shards: Sequence[Shard]) -> list[Sequence[Shard]]:
    """Divide shards into the parts that are summed one by one; the division depends only on the plan."""
    return [shards[start : start + FIT_SHARDS] for start in range(0, len(shards), FIT_SHARDS)]


def take(rows: Rows, selection: Array | slice) -> dict[str, Array]:
    """Select rows of every column."""
    return {name: values[selection] for name, values in rows.items()}
