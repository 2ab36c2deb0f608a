"""What a worker does with one shard: load, compute, write. Dask runs these functions but is not known here.

A shard's rows that cannot be used (by the catalogue or by an earlier stage) keep their status and never reach a
kernel. When a shard is done again, only its unfinished rows are computed; the others are read back.
"""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.job import Job
from survey_batch.paths import join, read_bytes, write_bytes
from survey_batch.plan import Rows, read_rows_of
from survey_batch.products import OBJECT_COORDINATES, Array, Shard, read_rows, read_status, write_shard
from survey_batch.stages import Block, Problem, Stage, make_stage
from survey_batch.stages.base import take
from survey_batch.status import Status, count_statuses, unfinished, usable

PROBLEM_SCHEMA = pa.schema(
    [
        ("object_id", pa.string()),
        ("stage", pa.string()),
        ("status", pa.string()),
        ("message", pa.string()),
        ("source", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("row", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Record:
    """What a finished shard tells the client: a few numbers, never arrays."""

    stage: str
    shard: Shard
    counts: Mapping[str, int]
    rows_done: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    nbytes: int = 0


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

    @property
    def work(self) -> npt.NDArray[np.bool_]:
        """Rows for the kernel: unfinished and usable."""
        return self.todo & usable(self.inherited)


def run_shard(job: Job, name: str, shard: Shard) -> Record:
    """Bring one shard of one product to its end; a committed shard is left alone."""
    return write(job, name, compute(job, name, load(job, name, shard)))


def load(job: Job, name: str, shard: Shard) -> Loaded | Record:
    """Read what a shard needs; a committed shard comes back as its record."""
    started = (time.monotonic(), time.process_time())
    before = read_status(job.output, name, shard.rows)
    todo = np.asarray(unfinished(before).reshape(len(shard), -1).any(axis=1))
    if not todo.any():
        return Record(name, shard, count_statuses(before))
    stage = make_stage(job, name)
    rows = read_rows_of(job.output, shard)
    inherited = _inherited(stage, shard, rows)
    loaded = Loaded(shard, rows, {}, todo, inherited, before, started)
    if stage.upstream and loaded.work.any():
        inputs = read_rows(job.output, stage.upstream, shard.rows, stage.needs)
        loaded.inputs = inputs if loaded.work.all() else take(inputs, loaded.work)
    return loaded


def compute(job: Job, name: str, loaded: Loaded | Record) -> tuple[Loaded, Block] | Record:
    """Run the stage's kernel on the rows that need it."""
    if isinstance(loaded, Record):
        return loaded
    stage = make_stage(job, name)
    if not loaded.work.any():
        return loaded, stage.empty_block(0)
    block = stage.compute(take(loaded.rows, loaded.work), loaded.inputs)
    loaded.inputs = {}  # not needed to write, and the largest part of a shard
    return loaded, block


def write(job: Job, name: str, computed: tuple[Loaded, Block] | Record) -> Record:
    """Put computed rows beside the finished ones and commit the shard."""
    if isinstance(computed, Record):
        return computed
    loaded, block = computed
    stage, shard = make_stage(job, name), loaded.shard
    whole = _merge(stage, loaded, block)
    _write_problems(job.output, stage, loaded, whole.problems)
    nbytes = write_shard(job.output, name, shard, {**_coordinates(stage, loaded.rows), **whole.data}, whole.status)
    wall, cpu = loaded.started
    return Record(
        name,
        shard,
        count_statuses(whole.status),
        int(loaded.todo.sum()),
        time.monotonic() - wall,
        time.process_time() - cpu,
        nbytes,
    )


def set_aside(job: Job, name: str, shard: Shard, reason: str) -> Record:
    """Commit a shard that cannot be done: its unfinished rows become `failed`, the others keep what they have."""
    loaded = load(job, name, shard)
    if isinstance(loaded, Record):
        return loaded
    stage = make_stage(job, name)
    block = stage.empty_block(int(loaded.work.sum()))
    for row in range(len(block.status)):
        block.fail(row, Status.FAILED, reason, str(shard))
    return write(job, name, (loaded, block))


def _inherited(stage: Stage, shard: Shard, rows: Rows) -> npt.NDArray[np.uint8]:
    if stage.upstream:
        return read_status(stage.job.output, stage.upstream, shard.rows)
    if stage.axis == "frame":
        return np.full(len(shard), Status.OK, dtype=np.uint8)
    return np.where(rows["problem"] == "", np.uint8(Status.OK), np.uint8(Status.INVALID))


def _merge(stage: Stage, loaded: Loaded, block: Block) -> Block:
    """Lay computed rows over what the shard held, or over nothing."""
    places = np.flatnonzero(loaded.work)
    status = loaded.before.copy()
    inherited = loaded.inherited.reshape(-1, *(1,) * (status.ndim - 1))
    status[loaded.todo] = np.broadcast_to(inherited, status.shape)[loaded.todo]
    # A partial input makes a partial output, whatever the kernel says.
    status[places] = np.maximum(block.status, status[places])
    problems = [_moved(problem, int(places[problem.row])) for problem in block.problems]
    if stage.upstream is None and stage.axis == "object":
        problems += [
            Problem(int(row), Status.INVALID, str(loaded.rows["problem"][row]), "catalogue")
            for row in np.flatnonzero(loaded.todo & (loaded.inherited == Status.INVALID))
        ]
    return Block(_merge_data(stage, loaded, block.data), status, problems)


def _merge_data(stage: Stage, loaded: Loaded, computed: dict[str, Array]) -> dict[str, Array]:
    if loaded.work.all():  # as in nearly every shard: no second copy in memory
        return computed
    if loaded.todo.all():
        whole = stage.empty_block(len(loaded.shard)).data
    else:
        whole = read_rows(stage.job.output, stage.name, loaded.shard.rows, list(computed))
        for variable in stage.variables():
            whole[variable.name][loaded.todo] = variable.fill
    for name, values in whole.items():
        values[loaded.work] = computed[name]
    return whole


def _moved(problem: Problem, row: int) -> Problem:
    return Problem(row, problem.status, problem.message, problem.source)


def _coordinates(stage: Stage, rows: Rows) -> dict[str, Array]:
    return {v.name: rows[v.name] for v in OBJECT_COORDINATES} if stage.axis == "object" else {}


def problems_path(output: str, stage: str, shard: Shard) -> str:
    """Where a shard's problems are noted before it is committed."""
    return join(output, "problems", f"{stage}-{shard.index:06d}.parquet")


def _write_problems(output: str, stage: Stage, loaded: Loaded, problems: list[Problem]) -> None:
    """Note the problems of the rows just done; rows done earlier keep theirs."""
    path, now = problems_path(output, stage.name, loaded.shard), datetime.now(UTC)
    noted = _noted(path)
    kept = [note for note in noted if not loaded.todo[note["row"] - loaded.shard.start]]
    new = [
        {
            "object_id": stage.row_name(loaded.rows, problem.row),
            "stage": stage.name,
            "status": problem.status.name.lower(),
            "message": problem.message,
            "source": problem.source,
            "time": now,
            "row": loaded.shard.start + problem.row,
        }
        for problem in problems
    ]
    if noted or new:
        buffer = io.BytesIO()
        notes = sorted(kept + new, key=lambda note: note["row"])
        pq.write_table(pa.Table.from_pylist(notes, schema=PROBLEM_SCHEMA), buffer)
        write_bytes(path, buffer.getvalue())


def _noted(path: str) -> list[dict[str, Any]]:
    try:
        return pq.read_table(io.BytesIO(read_bytes(path))).to_pylist()  # type: ignore[no-any-return]
    except FileNotFoundError:
        return []
