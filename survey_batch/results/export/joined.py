"""The joined catalogue: each row with its status and results, in batches, so that it need not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.gather import room
from survey_batch.catalog.match.join import APART
from survey_batch.catalog.opening import Opened, open_catalog
from survey_batch.catalog.rows import count_up, spans
from survey_batch.config.job import Job
from survey_batch.core.cores import on_cores
from survey_batch.core.sorting import BATCH_ROWS, Sorter, in_batches, takeable
from survey_batch.core.wording import counted
from survey_batch.preflight.provenance import changed_settings
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.matching import match
from survey_batch.results.export.provenance import provenance_of
from survey_batch.results.export.results import Results, find_results
from survey_batch.results.export.text import Types, is_text
from survey_batch.results.export.units import with_units
from survey_batch.store.schema import Array

OURS = "sb_"
"""Prefix of added columns, so that none hides a column of the catalogue."""

ADDED = (
    r"^(?i:sb_(object_id|status|predicted_class|confidence|label|split|reason|outlier_score|ra|dec"
    r"|neighbour_[0-9]+(_distance)?|probability_.*|value_.*|error_.*|feature_.*))$"
)
"""Columns that an export adds; columns of an earlier export are recognized by it."""

BLOCK_BYTES = 64_000_000
"""About as many bytes of results are sorted at a time."""


@dataclass(frozen=True)
class Joined:
    """A catalogue joined to its results.

    Attributes
    ----------
    schema : pyarrow.Schema
        Columns with unit, description and UCD in the metadata of each field, and the provenance in that of the schema.
    rows : int
    batches : callable
        Yields tables of successive rows, each with this schema.
    changes : Changes
        What was changed so far.
    """

    schema: pa.Schema
    rows: int
    batches: Callable[[], Iterator[pa.Table]]
    changes: Changes = field(default_factory=Changes)

    @classmethod
    def of(cls, table: pa.Table, changes: Changes | None = None) -> "Joined":
        """Take a table in memory."""
        return cls(table.schema, table.num_rows, lambda: iter([table]), changes or Changes())


@contextmanager
def join_results(job: Job, with_: Sequence[str] = (), *, positions: bool = False) -> Iterator[Joined]:
    """Join a job's catalogue to its results by object id, in the order of the catalogue.

    Results are in another order: they are sorted through files in a temporary folder, which exists within the context.

    Parameters
    ----------
    job
    with_
        See `find_results`.
    positions
        Whether to add `sb_ra` and `sb_dec` [deg].

    Raises
    ------
    ConfigurationError
        See `export_catalog`.
    """
    changes, results, section = Changes(), find_results(job, with_, positions=positions), object_catalog(job)
    opened = open_catalog(section, job.archive)
    matched = match(job, section, opened)
    _note_differences(job, results, len(matched.rows), changes)
    added = [field.with_name(OURS + field.name) for field in results.fields]
    catalog = _Rows(opened, matched.rows, {field.name.lower() for field in added}, changes)
    schema = pa.schema([*with_units(catalog.schema, opened, section), *added])
    schema = schema.with_metadata(provenance_of(job, schema))
    with TemporaryDirectory(prefix="survey-batch-export-") as folder:
        sorter = _sorted(results, matched.plan_rows, Path(folder) / "results")

        def batches() -> Iterator[pa.Table]:
            buckets = on_cores(sorter.bucket, range(-(-len(matched.rows) // BATCH_ROWS)))
            for part, found in zip(catalog.batches(), buckets, strict=True):
                yield pa.table([*part.columns, *found.columns], schema=schema)

        yield Joined(schema, len(matched.rows), batches, changes)


def _note_differences(job: Job, results: Results, rows: int, changes: Changes) -> None:
    """Note where what is stored is not what the job and its catalogue say now."""
    for product in results.products:
        if changed := changed_settings(job, product):
            reason = f"made with other settings than the job has now ({'; '.join(changed)}); exported as it is stored"
            changes.note(reason, f"{product}.zarr")
    if (gone := results.rows - rows) > 0:
        verb = "is" if gone == 1 else "are"
        changes.note(
            f"{verb} no longer chosen from the catalogue, and left out", f"{counted(gone, 'object')} of the run"
        )


def _sorted(results: Results, plan_rows: Array, folder: Path) -> Sorter:
    """Bring results from the order of the plan into that of the catalogue, one bucket for each batch."""
    sorter = Sorter(folder, -(-len(plan_rows) // BATCH_ROWS))
    wanted = room(results.rows, np.int32)
    wanted[:] = -1
    for part in spans(len(plan_rows)):
        wanted[plan_rows[part]] = count_up(part, wanted.dtype)
    row_bytes = sum(field.type.bit_width / 8 if field.type != pa.string() else 24 for field in results.fields)
    block = max(1, int(BLOCK_BYTES / row_bytes) // BATCH_ROWS) * BATCH_ROWS
    for first in range(0, results.rows, block):
        here = wanted[first : first + block]
        table = results.read(slice(first, first + len(here)))
        if (here < 0).any():
            table, here = table.filter(pa.array(here >= 0)), here[here >= 0]
        sorter.add(table, here // BATCH_ROWS, here)
    return sorter


class _Rows:
    """Some rows of a catalogue with their types, in batches of `BATCH_ROWS`."""

    def __init__(self, opened: Opened, rows: Array, replaced: set[str], changes: Changes) -> None:
        self._source, self._rows = opened.source, rows
        untyped = self._source.untyped
        kinds = {column.name: column.kind for column in self._source.columns if column.name in untyped}
        self._types = Types(kinds, typed=frozenset(self._source.names) - untyped)
        passed_over = self._source.matched - {APART.name, *opened.names.values()}
        self._names = [name for name in self._without_ours(replaced, changes) if name not in passed_over]
        first = next(self._raw(self._names))
        if text := [field.name for field in first.schema if is_text(field.type)]:
            for table in self._raw(text):
                self._types.look(table)
        self._types.note(changes)
        self.schema = self._types.convert(first.slice(0, 0)).schema

    def batches(self) -> Iterator[pa.Table]:
        """Yield the rows, `BATCH_ROWS` at a time."""
        yield from map(self._types.convert, in_batches(self._raw(self._names), BATCH_ROWS))

    def _without_ours(self, replaced: set[str], changes: Changes) -> list[str]:
        """Leave out the columns that an earlier export added."""
        names = pa.array(self._source.names, pa.string())
        earlier = pc.match_substring_regex(names, ADDED).to_pylist()
        old = [name for name, ours in zip(self._source.names, earlier, strict=True) if ours or name.lower() in replaced]
        for name in old:
            changes.note("of an earlier export; replaced or left out", name)
        return [name for name in self._source.names if name not in old]

    def _raw(self, names: Sequence[str]) -> Iterator[pa.Table]:
        """Read the rows as the file has them, batch by batch."""
        first = 0
        for batch in self._source.batches(names):
            begin, end = np.searchsorted(self._rows, [first, first + batch.table.num_rows])
            yield takeable(batch.table).take(pa.array(self._rows[begin:end] - first))
            first += batch.table.num_rows
