"""The rows of a catalogue that are not left out, as compact columns, with the problems of some."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.catalog.gather import gather
from survey_batch.catalog.stars import Neighbours
from survey_batch.core.arrays import Flags
from survey_batch.core.cores import on_cores

SLICE_ROWS = 1 << 18
"""Rows worked on at a time."""


@dataclass
class Counts:
    """Numbers of rows of each class after each step, and why the others were left out.

    Attributes
    ----------
    steps
        Rows by class ("" where none) after each step, in the order of the steps.
    left_out
        Rows by the reason why they were left out.
    """

    steps: dict[str, Counter[str]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, step: str, classes: pa.Array | pa.ChunkedArray) -> None:
        """Count the rows of a step, or of a part of it."""
        tally = self.steps.setdefault(step, Counter())
        for value in classes.value_counts().to_pylist():
            tally[value["values"]] += value["counts"]

    def as_dict(self) -> dict[str, Any]:
        """Return JSON types."""
        return {"steps": {step: dict(sorted(tally.items())) for step, tally in self.steps.items()}} | {
            "left_out": dict(self.left_out)
        }


@dataclass
class Objects:
    """Rows of a catalogue that are not left out.

    Attributes
    ----------
    table
        Compact columns: numbers and text; text is dictionary-encoded except for identifiers and file names.
    names
        Our name to the file's.
    usable
        Whether a row can be used.
    reasons
        Why it cannot be used, by input row.
    notes
        What a person should know.
    neighbours
        Which rows are near each other on the sky, once that has been found out.
    """

    table: pa.Table
    names: Mapping[str, str]
    usable: Flags
    reasons: dict[int, str]
    notes: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    neighbours: Neighbours | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers; it may be read-only."""
        return numbers_of(self.table[name])

    def text(self, name: str) -> pa.Array:
        """Return a column of text, whole in memory."""
        array = joined_chunks(self.table[name])
        return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

    def codes(self, name: str) -> tuple[npt.NDArray[np.integer], list[str]]:
        """Return a dictionary-encoded column as the index of each row's value, and the values."""
        array = joined_chunks(self.table[name])
        return np.asarray(array.indices), array.dictionary.to_pylist()

    def put(self, name: str, values: pa.Array | pa.ChunkedArray) -> None:
        """Add or replace a column."""
        if name in self.table.column_names:
            self.table = self.table.drop_columns(name)
        self.table = self.table.append_column(name, values)

    def reject(self, indices: npt.NDArray[np.int64], reasons: Iterable[str]) -> None:
        """Mark rows as unusable; a row that already has a reason keeps it."""
        rows = self.numbers("row")
        for index, reason in zip(indices.tolist(), reasons, strict=True):
            self.reasons.setdefault(int(rows[index]), reason)
        self.usable[indices] = False

    def keep(self, chosen: Flags, reason: str) -> None:
        """Keep the chosen rows; leave out the others and count them under a reason."""
        if chosen.all():
            return
        self.counts.left_out[reason] += int(np.sum(~chosen))

        def kept(first: int) -> pa.Table:
            return self.table.slice(first, SLICE_ROWS).filter(pa.array(chosen[first : first + SLICE_ROWS]))

        self.table = gather(on_cores(kept, range(0, max(len(self), 1), SLICE_ROWS)))
        self.usable = self.usable[chosen]
        if self.neighbours is not None:
            self.neighbours = self.neighbours.kept(chosen)

    def count(self, step: str) -> None:
        """Count the rows that remain after a step."""
        self.counts.add(step, self.table["label"])


def numbers_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column of numbers; one in a single chunk is not copied."""
    return np.asarray(column.chunk(0).to_numpy(zero_copy_only=False) if column.num_chunks == 1 else column.to_numpy())


def joined_chunks(column: pa.ChunkedArray) -> pa.Array:
    """Join the chunks of a column, with one dictionary for them all."""
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
