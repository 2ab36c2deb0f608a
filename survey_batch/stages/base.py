"""What a stage is: it binds pure kernels to one product and knows nothing of Dask."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from survey_batch.config.job import Job
from survey_batch.config.sections.readers import archive_keys
from survey_batch.core.status import Status
from survey_batch.planning.plan import Plan, Rows
from survey_batch.store.problems import Problem
from survey_batch.store.products import OBJECT_COORDINATES, Array, Axis, Schema, Shard, Variable

Phase = Literal["ingest", "prepare", "predict"]
Coordinates = dict[str, tuple[tuple[str, ...], Array, Mapping[str, Any]]]
"""Small fixed arrays of a product: name to (dims, values, attributes)."""

PHASES: tuple[Phase, ...] = ("ingest", "prepare", "predict")


@dataclass
class Block:
    """What a stage computed for some rows: arrays whose first dimension is the row, statuses and problems."""

    data: dict[str, Array]
    status: Array
    problems: list[Problem] = field(default_factory=list)

    def fail(self, row: int, status: Status, message: str, source: str) -> None:
        """Set one row's status, with its reason."""
        self.fail_band(row, ..., status, message, source)

    def fail_band(self, row: int, band: Any, status: Status, message: str, source: str) -> None:
        """Set the status of one band of a row, with its reason."""
        self.status[row, band] = status
        self.problems.append(Problem(row, status, message, source))


@dataclass(frozen=True)
class Cost:
    """An estimate, before any work, of what a stage needs.

    Attributes
    ----------
    files, fetch_bytes : int
        What comes from the archive.
    worker_bytes : int
        Memory for one shard in one thread of a worker.
    cpu_seconds : float
        Work, shared by all workers.
    start_seconds : float
        Time before the first shard, whatever the number of workers.
    process_bytes : int
        Memory of a worker beside its shards, whatever the number of its threads.
    at_once : int
        Files that one shard asks a remote archive for at a time.
    """

    files: int = 0
    fetch_bytes: int = 0
    worker_bytes: int = 0
    cpu_seconds: float = 0.0
    start_seconds: float = 0.0
    process_bytes: int = 0
    at_once: int = 1


class Stage(ABC):
    """One product and the kernels that make it.

    Attributes
    ----------
    name : str
        Of the stage and of its product.
    axis : str
        Along which the product is sharded.
    phase : str
        Which kind of worker can do it.
    upstream : str or None
        The product, on the same axis, whose rows this stage works on; its statuses are passed on.
    input_variables : tuple of str
        Variables read from it.
    from_fields : bool
        Whether its rows are the fields of the job's list, whatever objects there are.
    in_steps : bool
        Whether loading, computing and writing a shard are tasks of their own, so that the next shard is loaded while
        this one is computed.
    gpu : bool
        Whether computing asks for a GPU, where workers have one.
    requires_fit : bool
        Whether something must be learnt from the whole upstream product before the first block. It is learnt in
        parts: `fit_part` sums up some shards, `fit_merge` adds sums in the order of their shards, and `fit_end`
        makes of them what is stored in the product at its creation.
    """

    name: str
    axis: ClassVar[Axis] = "object"
    phase: Phase = "prepare"
    upstream: str | None = None
    input_variables: tuple[str, ...] = ()
    from_fields: ClassVar[bool] = False
    in_steps: bool = False
    gpu: bool = False
    requires_fit: bool = False

    def __init__(self, job: Job) -> None:
        self.job = job

    def fixed_coordinates(self) -> Coordinates | None:
        """What is stored in the product at its creation where nothing is learnt."""
        return None

    def basis(self) -> str | None:
        """Fingerprint of what was learnt from the upstream product for this one's values, once that is known."""
        return None

    @property
    def stored(self) -> bool:
        """Whether the product is stored; one that is not is handed on to the stages that work on it."""
        return self.job.keeps(self.name)

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything of the job on which this product's values depend, its upstream's included."""

    @abstractmethod
    def variables(self) -> tuple[Variable, ...]:
        """Arrays of the product without `status` and object coordinates."""

    @abstractmethod
    def coordinates(self) -> Coordinates:
        """Small fixed arrays of the product."""

    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Lengths of the dimensions other than the axis."""

    def prepare(self, inputs: Rows) -> Rows:
        """Do with rows of the upstream product what comes before `compute` and can be done beside another shard's."""
        return inputs

    @abstractmethod
    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Make the product's values for usable rows; the result depends on nothing but them and the job.

        Parameters
        ----------
        rows
            Of the catalogue, and `place`, each row's place in its shard.
        inputs
            As `prepare` returned them.
        """

    @abstractmethod
    def cost(self, plan: Plan) -> Cost:
        """Estimate what the stage needs."""

    def check(self) -> None:  # noqa: B027 - most stages have nothing to add
        """Refuse a job with which this stage cannot work, before any work is done; ConfigurationError says why."""

    def check_plan(self, plan: Plan) -> None:  # noqa: B027 - most stages have nothing to add
        """Refuse objects with which this stage cannot work, before any work is done, as `check` does."""

    def fit_part(self, shards: Sequence[Shard]) -> Any:
        """Sum up what some shards, in order, have to say."""
        raise NotImplementedError

    def fit_merge(self, parts: Sequence[Any]) -> Any:
        """Add the sums of consecutive parts, and leave them as they are: another attempt may need them."""
        raise NotImplementedError

    def fit_end(self, whole: Any) -> Coordinates:
        """Make of the sum over all shards what every block needs."""
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
            shard_rows=self.job.shards.objects if self.axis == "object" else 1,
            variables=(*own, *self.variables()),
            coordinates={**self.coordinates(), **(fitted or {})},
            status_dims=self.status_dims,
        )

    def empty_block(self, rows: int) -> Block:
        """Make a block whose rows hold only fill values and are `ok` until something says otherwise."""
        schema = self.schema(rows)
        data = {variable.name: variable.empty(schema.shape(variable, rows)) for variable in self.variables()}
        return Block(data, np.full(schema.shape(schema.status, rows), Status.OK, dtype=np.uint8))

    def row_name(self, rows: Rows, row: int) -> str:
        """Name a row in `problems.parquet`."""
        return str(rows["object_id"][row])


FIT_SHARDS = 16
"""Shards that one task sums up where a stage learns from a whole product."""


def fit_groups(shards: Sequence[Shard]) -> list[Sequence[Shard]]:
    """Cut shards into the parts that are summed up one by one; these depend on the plan alone."""
    return [shards[start : start + FIT_SHARDS] for start in range(0, len(shards), FIT_SHARDS)]


def take(rows: Rows, selection: Array | slice) -> dict[str, Array]:
    """Select rows of every column."""
    return {name: values[selection] for name, values in rows.items()}


def archive_settings(job: Job) -> dict[str, Any]:
    """Settings of the archive on which values depend; how it is asked is not among them."""
    archive = job.archive
    return {f"archive.{key}": getattr(archive, key) for key in ("survey", "root", *archive_keys(archive.survey))}
