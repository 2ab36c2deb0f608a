"""Notes of problems: a small file for each shard that has any, written before its statuses, and all together."""

import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.core.paths import files_in, join, read_all, write_bytes
from survey_batch.core.sorting import in_batches
from survey_batch.store.problems import ALL, PROBLEM_SCHEMA, SLICE_ROWS, Problem
from survey_batch.store.schema import Shard
from survey_batch.store.small_files import DamagedFileError, read_table, table_of, write_table

log = logging.getLogger(__name__)


def problems_path(output: str, stage: str, shard: Shard) -> str:
    """Return the path where a shard's problems are noted before it is committed."""
    return join(output, "problems", f"{stage}-{shard.index:06d}.parquet")


def note_paths(output: str) -> list[str]:
    """List the notes of all shards that have problems."""
    names = (path.rpartition("/")[2] for path in files_in(join(output, "problems"), ".parquet"))
    return [join(output, "problems", name) for name in names]


def note_problems(
    output: str,
    stage: str,
    shard: Shard,
    done: npt.NDArray[np.bool_],
    problems: Sequence[Problem],
    names: Sequence[str],
) -> None:
    """Note the problems of the rows just done, under their objects' names; rows done earlier keep their notes."""
    path, now = problems_path(output, stage, shard), datetime.now(UTC)
    noted = [] if problems and done.all() else read_note(path, stage, shard).to_pylist()  # nothing of it would stay
    kept = [note for note in noted if not done[note["row"] - shard.start]]
    new = [
        {
            "object_id": name,
            "stage": stage,
            "status": problem.status.name.lower(),
            "message": problem.message,
            "source": problem.source,
            "time": now,
            "row": shard.start + problem.row,
        }
        for problem, name in zip(problems, names, strict=True)
    ]
    if noted or new:
        notes = sorted(kept + new, key=lambda note: note["row"])
        write_table(path, pa.Table.from_pylist(notes, schema=PROBLEM_SCHEMA))


def read_note(path: str, stage: str = "", shard: Shard | None = None) -> pa.Table:
    """Read the notes of a shard; damaged ones are taken from `problems.parquet`, which has those of earlier runs.

    Parameters
    ----------
    path
        The shard's file; there may be none.
    stage, shard
        Whose notes they are. If that is not known, damaged ones are left out.
    """
    (raw,) = read_all([path])
    return _note(path, raw, stage, shard)


def read_notes(paths: Sequence[str], known: Mapping[str, tuple[str, Shard]] | None = None) -> Iterator[pa.Table]:
    """Read the notes of many shards, several at a time from an object store.

    Parameters
    ----------
    paths
        Their files; there may be none.
    known
        Whose notes they are, as far as that is known: as in `read_note`.
    """
    for path, raw in zip(paths, read_all(paths), strict=True):
        yield _note(path, raw, *(known or {}).get(path, ()))


def _note(path: str, raw: bytes | None, stage: str = "", shard: Shard | None = None) -> pa.Table:
    if raw is None:
        return PROBLEM_SCHEMA.empty_table()
    try:
        return table_of(path, raw, PROBLEM_SCHEMA)
    except DamagedFileError as error:
        log.warning("%s; what it noted is taken from %s as far as that has it", error, ALL)
    try:
        table = read_table(join(path.rpartition("/problems/")[0], ALL), PROBLEM_SCHEMA)
    except (FileNotFoundError, DamagedFileError):
        return PROBLEM_SCHEMA.empty_table()
    if shard is None:
        return PROBLEM_SCHEMA.empty_table()
    row = table["row"]
    here = pc.and_(pc.greater_equal(row, shard.start), pc.less(row, shard.stop))
    return table.filter(pc.and_(here, pc.equal(table["stage"], stage)))


def damaged_notes(paths: Sequence[str]) -> Iterator[DamagedFileError]:
    """Find the notes that cannot be read, several at a time from an object store; there may be no such file."""
    for path, raw in zip(paths, read_all(paths), strict=True):
        try:
            if raw is not None:
                table_of(path, raw, PROBLEM_SCHEMA)
        except DamagedFileError as error:
            yield error


def rewrite_note(output: str, stage: str, shard: Shard) -> None:
    """Write the damaged notes of a shard again, as far as they are known."""
    path = problems_path(output, stage, shard)
    write_table(path, read_note(path, stage, shard))


def problems_of(output: str, stage: str, shards: Iterable[Shard]) -> pa.Table:
    """Read the problems that one stage noted for some shards."""
    known = {problems_path(output, stage, shard): (stage, shard) for shard in shards}
    return pa.concat_tables([PROBLEM_SCHEMA.empty_table(), *read_notes(list(known), known)])


def collect_problems(output: str, shards: Mapping[str, Sequence[Shard]] | None = None) -> int:
    """Collect the shards' notes in `<output>/problems.parquet`; return how many there are.

    Parameters
    ----------
    shards
        All shards of each stage, to know which rows a damaged note was about.
    """
    each = ((stage, shard) for stage, own in (shards or {}).items() for shard in own)
    known = {problems_path(output, stage, shard): (stage, shard) for stage, shard in each}
    buffer, count = io.BytesIO(), 0
    with pq.ParquetWriter(buffer, PROBLEM_SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        for table in in_batches(read_notes(note_paths(output), known), SLICE_ROWS):  # a note would be a row group
            writer.write_table(table)
            count += table.num_rows
    write_bytes(join(output, ALL), buffer.getvalue())
    return count
