"""What a worker does with one shard: load, compute, write. Dask runs these functions, but they do not use Dask.

Rows that the catalogue or an earlier stage marked as unusable keep their status and never reach a kernel. When a shard
is done again, only its unfinished rows are computed; the others are read back. If a stage's product is not stored, its
blocks are handed on to the next stages instead of being written.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from survey_batch.config.job import Job
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status, count_statuses, unfinished, usable
from survey_batch.core.threads import one_thread
from survey_batch.core.tracebacks import short_tracebacks
from survey_batch.core.world import blaming_the_node, last_read, node_name, refuse_another_world
from survey_batch.execution.shard_context import Passed, ShardContext
from survey_batch.monitor.record import Record
from survey_batch.planning.plan import BESIDE
from survey_batch.planning.stored import Rows
from survey_batch.stages import Block, Stage, make_stage
from survey_batch.stages.base import take
from survey_batch.store.disk import telling_of_the_disk
from survey_batch.store.notes import note_problems
from survey_batch.store.problems import Problem, reasons_of, tracebacks_of
from survey_batch.store.products import read_rows, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Array, Shard

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Loaded:
    """A shard that is ready to be computed."""

    shard: Shard
    rows: Rows
    inputs: Rows
    todo: npt.NDArray[np.bool_]
    inherited: npt.NDArray[np.uint8]
    before: npt.NDArray[np.uint8]
    started: tuple[float, float]
    first: bool
    """Whether this is the first stage for these rows, which must still note the catalogue's problems."""

    @property
    def work(self) -> npt.NDArray[np.bool_]:
        """Rows for the kernel: unfinished and usable."""
        return self.todo & usable(self.inherited)


def _blaming_the_node(function: Callable[Concatenate[Job, P], T]) -> Callable[Concatenate[Job, P], T]:
    """Find out, if a function raises an error, whether the node is at fault: it does not see the job's world."""

    @wraps(function)
    def blaming(job: Job, /, *arguments: P.args, **named: P.kwargs) -> T:
        with short_tracebacks(), blaming_the_node(job.output):
            return function(job, *arguments, **named)

    return blaming


@one_thread()
@_blaming_the_node
def run_shard(
    job: Job, name: str, shard: Shard, given: Passed | Record | None = None, needed_by: Sequence[str] = ()
) -> Record | Passed:
    """Finish one shard of one product; a committed shard is left alone.

    Parameters
    ----------
    given
        The shard of the upstream product if that product is not stored, or its record if the shard was finished.
    needed_by
        For a product that is not stored: the stored products made from it. Rows unfinished in these are computed.
    """
    return write(job, name, compute(job, name, load(job, name, shard, given, needed_by)))


@one_thread()
@_blaming_the_node
def load(
    job: Job, name: str, shard: Shard, given: Passed | Record | None = None, needed_by: Sequence[str] = ()
) -> Loaded | Record:
    """Read and prepare a shard's inputs; for a committed shard, return its record."""
    context = ShardContext.of(job, name, shard, given, needed_by)
    loaded = _begin(context)
    if isinstance(loaded, Loaded) and context.stage.upstream and loaded.work.any():
        inputs = context.inputs()
        loaded.inputs = context.stage.prepare(inputs if loaded.work.all() else take(inputs, loaded.work))
    return loaded


@one_thread()
@_blaming_the_node
def compute(job: Job, name: str, loaded: Loaded | Record) -> tuple[Loaded, Block] | Record:
    """Run the stage's kernel on the rows that need it."""
    if isinstance(loaded, Record):
        return loaded
    stage = make_stage(job, name)
    if not loaded.work.any():
        return loaded, stage.empty_block(0)
    hidden = set(BESIDE) - set(stage.columns_read())  # so that no product depends on what it does not declare
    rows = {name: values for name, values in loaded.rows.items() if name not in hidden}
    block = stage.compute(take(rows, loaded.work), loaded.inputs)
    loaded.inputs = {}  # not needed for writing, and the largest part of a shard
    return loaded, block


@_blaming_the_node
def write(job: Job, name: str, computed: tuple[Loaded, Block] | Record) -> Record | Passed:
    """Merge computed rows with the finished ones and commit the shard, or hand it on."""
    if isinstance(computed, Record):
        return computed
    loaded, block = computed
    stage, shard = make_stage(job, name), loaded.shard
    if stage.phase == "ingest" and block.status.size and (block.status == Status.NOT_FOUND).all():
        refuse_another_world(job.output)  # before it becomes final
    whole = _merge(stage, loaded, block)
    names = [stage.row_name(loaded.rows, problem.row) for problem in whole.problems]
    landmark = last_read(job.archive.root)
    with telling_of_the_disk(job.output):
        note_problems(job.output, name, shard, loaded.todo, whole.problems, names)
        if stage.stored:
            data = {**_coordinates(stage, loaded.rows), **whole.data}
            mark = write_shard(job.output, name, shard, data, whole.status)
            nbytes = sum(values.nbytes for values in data.values())
            return _record(name, loaded, whole, nbytes, landmark, mark if is_url(job.output) else b"")
    return Passed(whole, _record(name, loaded, whole, 0, landmark))


def record_of(passed: Passed | Record) -> Record:
    """Return the record of a shard, for the client, also if the shard was handed on."""
    return passed.record if isinstance(passed, Passed) else passed


def set_aside(job: Job, name: str, shard: Shard, reason: str) -> Record:
    """Commit a shard that cannot be done: its unfinished rows become `failed`, the others keep what they have."""
    loaded = _begin(ShardContext.of(job, name, shard))
    if isinstance(loaded, Record):
        return loaded
    stage = make_stage(job, name)
    block = stage.empty_block(int(loaded.work.sum()))
    for row in range(len(block.status)):
        block.fail(row, Status.FAILED, reason, str(shard))
    return record_of(write(job, name, (loaded, block)))


def _begin(context: ShardContext) -> Loaded | Record:
    """Find out what is left to do in a shard."""
    started, shard = (time.monotonic(), time.process_time()), context.shard
    before = context.status()
    todo = np.asarray(unfinished(before).reshape(len(shard), -1).any(axis=1))
    if not todo.any():
        return Record(context.stage.name, shard, count_statuses(before))
    rows = context.rows()
    return Loaded(shard, rows, {}, todo, context.inherited(rows), before, started, context.first)


def _record(name: str, loaded: Loaded, whole: Block, nbytes: int, landmark: str, mark: bytes = b"") -> Record:
    wall, cpu = loaded.started
    return Record(
        name,
        loaded.shard,
        count_statuses(whole.status),
        int(loaded.todo.sum()),
        count_statuses(whole.status[loaded.todo]),
        time.monotonic() - wall,
        time.process_time() - cpu,
        nbytes,
        reasons_of(whole.problems),
        tracebacks_of(whole.problems),
        node_name(),
        landmark,
        mark=mark,
    )


def _merge(stage: Stage, loaded: Loaded, block: Block) -> Block:
    """Put computed rows over the shard's stored rows, or over fill values."""
    indices = np.flatnonzero(loaded.work)
    status = loaded.before.copy()
    inherited = loaded.inherited.reshape(-1, *(1,) * (status.ndim - 1))
    status[loaded.todo] = np.broadcast_to(inherited, status.shape)[loaded.todo]
    # A partial input makes a partial output, whatever the kernel says.
    status[indices] = np.maximum(block.status, status[indices])
    problems = [problem.at(int(indices[problem.row])) for problem in block.problems]
    if loaded.first and stage.axis == "object":
        problems += [
            Problem(int(row), Status(int(loaded.inherited[row])), str(loaded.rows["problem"][row]), "catalogue")
            for row in np.flatnonzero(loaded.todo & (loaded.rows["problem"] != ""))
        ]
    return Block(_merge_data(stage, loaded, block.data), status, problems)


def _merge_data(stage: Stage, loaded: Loaded, computed: dict[str, Array]) -> dict[str, Array]:
    if loaded.work.all():  # true for nearly every shard; avoids a second copy in memory
        return computed
    if loaded.todo.all() or not stage.stored:
        whole = stage.empty_block(len(loaded.shard)).data
    else:
        whole = read_rows(stage.context.output, stage.name, loaded.shard.rows, list(computed))
        for variable in stage.variables():
            whole[variable.name][loaded.todo] = variable.fill
    for name, values in whole.items():
        values[loaded.work] = computed[name]
    return whole


def _coordinates(stage: Stage, rows: Rows) -> dict[str, Array]:
    return {v.name: rows[v.name] for v in OBJECT_COORDINATES} if stage.axis == "object" else {}
