"""Columns of the partners beside a catalogue's rows, batch by batch."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from survey_batch.catalog.match.partners import Partners
from survey_batch.catalog.source import BATCH_ROWS, Rows, Source
from survey_batch.core.sorting import Sorter, in_batches, takeable

ROW = "row of the catalogue"
"""Column that the sorted columns of partners have besides."""


def partner_columns(other: Source, names: Sequence[str], partners: Partners) -> Iterator[pa.Table]:
    """Yield columns of the second list in the order of the catalogue's rows, null where there is no partner.

    They are brought into this order on the disk, so that memory holds some batches only.

    Parameters
    ----------
    other
        The second list.
    names
        Its columns to read; one at least.
    partners
        Of all rows of the catalogue.
    """
    with TemporaryDirectory(prefix="survey-batch-match-") as folder:
        claimed = _by_their_row(partners, Path(folder) / "claimed")
        sorter = Sorter(Path(folder) / "columns", max(-(-len(partners.row) // BATCH_ROWS), 1))
        tables = (rows.table.select(names) for rows in other.batches(names))
        for number, table in enumerate(in_batches(tables, BATCH_ROWS)):
            pairs = claimed.bucket(number)
            rows, theirs = (np.asarray(pairs[name]) for name in ("own", "other"))
            taken = _plain(table).take(pa.array(theirs - number * BATCH_ROWS))
            sorter.add(taken.append_column(ROW, pa.array(rows)), rows // BATCH_ROWS, rows)
        for first in range(0, max(len(partners.row), 1), BATCH_ROWS):
            found = sorter.bucket(first // BATCH_ROWS)
            here = np.full(min(BATCH_ROWS, len(partners.row) - first), -1)
            here[np.asarray(found[ROW]) - first] = np.arange(len(found))
            yield found.drop_columns(ROW).take(pa.array(here, mask=here < 0))


def _by_their_row(partners: Partners, folder: Path) -> Sorter:
    """Sort the pairs of rows by batches of the second list."""
    sorter = Sorter(folder, max(-(-partners.rows // BATCH_ROWS), 1))
    for first in range(0, max(len(partners.row), 1), 1 << 20):
        here = partners.row[first : first + (1 << 20)]
        own = np.flatnonzero(here >= 0)
        pairs = pa.table({"own": first + own, "other": here[own].astype(np.int64)})
        sorter.add(pairs, here[own] // BATCH_ROWS, here[own])
    return sorter


def _plain(table: pa.Table) -> pa.Table:
    """Decode dictionaries, which differ from batch to batch, and views, from which Arrow cannot take rows."""
    fields = [
        field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
        for field in table.schema
    ]
    return takeable(table.cast(pa.schema(fields)))


def beside(batches: Iterable[Rows], columns: Iterator[pa.Table]) -> Iterator[tuple[Rows, pa.Table]]:
    """Cut successive columns to the lengths of a catalogue's batches."""
    waiting = next(columns)
    for rows in batches:
        count = rows.table.num_rows
        while waiting.num_rows < count:
            waiting = pa.concat_tables([waiting, next(columns)])
        yield rows, waiting.slice(0, count)
        waiting = waiting.slice(count)
