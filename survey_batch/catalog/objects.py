"""The rows of a catalogue that are still in play, as compact columns, with what is wrong with some of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.core.arrays import Flags


@dataclass
class Counts:
    """How many rows of each class came through each step, and why the others did not.

    Attributes
    ----------
    steps
        Rows by class ("" where none) after each step, in the order of the steps.
    left_out
        Rows by the reason why they are not in the table.
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
    """Rows in play.

    Attributes
    ----------
    table
        Compact columns: numbers, and text that is dictionary-encoded but for identifiers and file names.
    names
        Our name to the file's.
    usable
        Whether a row can be used.
    reasons
        By input row, why it cannot.
    notes
        What a person should know.
    """

    table: pa.Table
    names: Mapping[str, str]
    usable: Flags
    reasons: dict[int, str]
    notes: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers."""
        return np.asarray(self.table[name].to_numpy())

    def text(self, name: str) -> pa.Array:
        """Return a column of text."""
        array = joined_chunks(self.table[name])
        return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array

    def codes(self, name: str) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Return a dictionary-encoded column as the place of each row's value among the values, and these."""
        array = joined_chunks(self.table[name])
        return np.asarray(array.indices, dtype=np.int64), array.dictionary.to_pylist()

    def put(self, name: str, values: pa.Array) -> None:
        """Add a column, or put it in the place of another."""
        if name in self.table.column_names:
            self.table = self.table.drop_columns(name)
        self.table = self.table.append_column(name, values)

    def reject(self, places: npt.NDArray[np.int64], reasons: Iterable[str]) -> None:
        """Mark rows as unusable; those that have a reason already keep it."""
        rows = self.numbers("row")
        for place, reason in zip(places.tolist(), reasons, strict=True):
            self.reasons.setdefault(int(rows[place]), reason)
        self.usable[places] = False

    def keep(self, chosen: Flags, reason: str) -> None:
        """Leave out the other rows, and count them under a reason."""
        if chosen.all():
            return
        self.counts.left_out[reason] += int(np.sum(~chosen))
        self.table = self.table.filter(pa.array(chosen))
        self.usable = self.usable[chosen]

    def count(self, step: str) -> None:
        """Count the rows that are left after a step."""
        self.counts.add(step, self.table["label"])


def joined_chunks(column: pa.ChunkedArray) -> pa.Array:
    """Join the chunks of a column, with one dictionary for all."""
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
