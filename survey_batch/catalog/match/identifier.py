"""Partners by identifier: rows of another list with the same one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.hashing import hashes
from survey_batch.catalog.match.partners import Partners
from survey_batch.core.arrays import F4
from survey_batch.core.sorting import Sorter, in_batches

PARTS = 256
"""Parts into which identifiers are divided by a hash; each is searched by itself."""
SPOOLED = 1 << 20
"""Rows of a file on the disk."""


@dataclass(frozen=True)
class Identifiers:
    """Successive rows of a list.

    Attributes
    ----------
    id : pyarrow.Array
        Text, null where there is none. Such a row has no partner and is none.
    rank : (n,) float32
        The higher, the better; NaN counts as lowest. Only read of the list of partners, if the best is asked for.
    """

    id: pa.Array
    rank: F4


def pair_identifiers(own: Iterable[Identifiers], other: Iterable[Identifiers], *, by_rank: bool = False) -> Partners:
    """Find each row's partner: the first row of the other list with the same identifier.

    Parameters
    ----------
    own, other
        The lists, in batches.
    by_rank
        Take the row with the highest rank instead; of equal ones the first.
    """
    with TemporaryDirectory(prefix="survey-batch-match-") as folder:
        theirs, ours = _Parts(other, Path(folder) / "other"), _Parts(own, Path(folder) / "own")
        partners = Partners.none(ours.rows, theirs.rows)
        partners.own_unknown, partners.unknown = (side.rows - int(side.counts.sum()) for side in (ours, theirs))
        for part in np.flatnonzero(theirs.counts).tolist():
            there = theirs.read(part, by_rank=by_rank)
            ids = there["id"].combine_chunks().dictionary_encode()
            first = np.unique(np.asarray(ids.indices), return_index=True)[1]
            partners.repeated += len(there) - len(first)
            if ours.counts[part]:
                mine = ours.read(part)
                found = np.asarray(pc.fill_null(pc.index_in(mine["id"], value_set=ids.dictionary), -1))
                rows = np.asarray(there["row"])[first[np.maximum(found, 0)]]
                partners.row[np.asarray(mine["row"])] = np.where(found < 0, -1, rows)
    return partners


class _Parts:
    """A list on the disk, by a hash of the identifier."""

    def __init__(self, batches: Iterable[Identifiers], folder: Path) -> None:
        self._sorter = Sorter(folder, PARTS)
        self.counts, self.rows = np.zeros(PARTS, np.int64), 0
        for table in in_batches(self._tables(batches), SPOOLED):
            part = (hashes(table["id"].combine_chunks(), 0) % PARTS).astype(np.int64)
            self.counts += np.bincount(part, minlength=PARTS)
            self._sorter.add(table, part, np.zeros(len(part), np.int8))

    def _tables(self, batches: Iterable[Identifiers]) -> Iterator[pa.Table]:
        for batch in batches:
            row = pa.array(self.rows + np.arange(len(batch.id)))
            self.rows += len(batch.id)
            yield pa.table({"row": row, "id": batch.id, "rank": batch.rank}).filter(pc.is_valid(batch.id))

    def read(self, part: int, *, by_rank: bool = False) -> pa.Table:
        """Read a part in the order of the rows, or by rank."""
        table = self._sorter.bucket(part)
        row, rank = (np.asarray(table[name]) for name in ("row", "rank"))
        keys = [row, -np.nan_to_num(rank, nan=-np.inf)] if by_rank else [row]
        return table.take(pa.array(np.lexsort(keys)))
