"""A catalogue batch by batch: each row cleaned and judged on its own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from survey_batch.catalog.clean import clean
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.match.lone import judge_lone, without_lone
from survey_batch.catalog.opening import Opened
from survey_batch.catalog.select import select
from survey_batch.catalog.source import Rows
from survey_batch.config.job import ArchiveSection, CatalogSection
from survey_batch.core.arrays import Flags
from survey_batch.core.cores import on_cores


@dataclass(frozen=True)
class Batch:
    """Successive rows of a catalogue.

    Attributes
    ----------
    first : int
        Index of the first row in the file.
    draft : Draft
        The rows as read, and what is wrong with each.
    table : pyarrow.Table
        The rows as compact columns under our names.
    chosen : ndarray of bool
        Which of them the job selects.
    left_out : Counter
        Why the others are left out.
    """

    first: int
    draft: Draft
    table: pa.Table
    chosen: Flags
    left_out: Counter[str]

    def __len__(self) -> int:
        return len(self.draft)

    def only(self, chosen: Flags) -> pa.Table:
        """Return some of the compact rows."""
        return self.table if chosen.all() else self.table.filter(pa.array(chosen))


def read_batches(opened: Opened, section: CatalogSection, archive: ArchiveSection) -> Iterator[Batch]:
    """Read the columns that a job needs."""

    def made(read: tuple[int, Rows]) -> Batch:
        first, rows = read
        here = {ours: theirs for ours, theirs in opened.names.items() if theirs not in rows.absent}
        draft = Draft(rows, here, opened.angles)
        match, partnered = section.match, rows.partnered
        if match is not None and partnered is not None:
            judge_lone(draft, partnered, match, opened.source.matched, archive)
        table = clean(draft, section, archive, first)
        chosen, left_out = select(draft, table["label"], section.select)
        if match is not None and partnered is not None:
            chosen = without_lone(chosen, left_out, partnered, match)
        return Batch(first, draft, table, chosen, left_out)

    return on_cores(made, _numbered(opened.source.batches(sorted(set(opened.names.values())))))


def _numbered(batches: Iterator[Rows]) -> Iterator[tuple[int, Rows]]:
    """Yield batches with the index of the first row of each."""
    first = 0
    for rows in batches:
        yield first, rows
        first += rows.table.num_rows
