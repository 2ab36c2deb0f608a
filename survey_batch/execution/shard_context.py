"""One shard of one product on a worker: what it is made from, and what of it is left to do."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.config.job import Job
from survey_batch.core.status import OUTSIDE, Status, unfinished
from survey_batch.monitor.record import Record
from survey_batch.planning.stored import Rows, read_rows_of
from survey_batch.stages import Block, Stage, make_stage
from survey_batch.store.products import read_rows, read_status
from survey_batch.store.schema import Shard


@dataclass
class Passed:
    """A shard of a product that is not stored, on its way to the stages that work on it.

    Rows that no stage needs hold fill values.
    """

    block: Block
    record: Record


@dataclass(frozen=True)
class ShardContext:
    """A shard of a stage's product.

    Attributes
    ----------
    stage, shard
        Which.
    given : Passed or None
        The shard of the upstream product if that product is not stored.
    needed_by : sequence of str
        For a product that is not stored: the stored products made from it. Rows unfinished in these are computed.
    """

    stage: Stage
    shard: Shard
    given: Passed | None = None
    needed_by: Sequence[str] = ()

    @classmethod
    def of(
        cls, job: Job, name: str, shard: Shard, given: Passed | Record | None = None, needed_by: Sequence[str] = ()
    ) -> "ShardContext":
        """Make the context; a record in place of the upstream shard says that it was finished before."""
        return cls(make_stage(job, name), shard, given if isinstance(given, Passed) else None, needed_by)

    @property
    def output(self) -> str:
        """Folder or URL of the products."""
        return self.stage.context.output

    @property
    def first(self) -> bool:
        """Whether this is the first stage for these rows, which must note the catalogue's problems."""
        upstream = self.stage.upstream
        return self.given is None and (upstream is None or not self.stage.other(upstream).stored)

    def rows(self) -> Rows:
        """Read the shard's rows of the plan, each with its index in the shard."""
        return {**read_rows_of(self.output, self.shard), "index_in_shard": np.arange(len(self.shard))}

    def status(self) -> npt.NDArray[np.uint8]:
        """Read the status of each row; of a product that is not stored, `pending` where another one needs the row."""
        if self.stage.stored:
            return read_status(self.output, self.stage.name, self.shard.rows)
        wanted = np.zeros(len(self.shard), bool)
        for name in self.needed_by:
            wanted |= unfinished(read_status(self.output, name, self.shard.rows))
        return np.where(wanted, np.uint8(Status.PENDING), np.uint8(Status.OK))

    def inherited(self, rows: Rows) -> npt.NDArray[np.uint8]:
        """Return the status that each row has from the upstream product or from the catalogue."""
        if self.given is not None:
            return self.given.block.status
        if not self.first:
            return read_status(self.output, str(self.stage.upstream), self.shard.rows)
        if self.stage.axis == "frame":
            return np.full(len(self.shard), Status.OK, dtype=np.uint8)
        return np.array([_of_problem(text) for text in rows["problem"]], np.uint8)

    def inputs(self) -> Rows:
        """Return the variables of the upstream product that the stage reads."""
        if self.given is not None:
            return {name: self.given.block.data[name] for name in self.stage.input_variables}
        return read_rows(self.output, str(self.stage.upstream), self.shard.rows, self.stage.input_variables)


def _of_problem(text: str) -> Status:
    """Return the status of a catalogue's row with this problem."""
    if not text:
        return Status.OK
    return Status.OUTSIDE if any(reason in text for reason in OUTSIDE) else Status.INVALID
