"""Where a field is on the frame axis, found in the stored plan without reading all of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from survey_batch.planning.stored import Stored, table_path
from survey_batch.store.small_files import opened_table

Field = tuple[Any, ...]
"""The values of a field's columns, in the order of the plan."""

Span = tuple[Any, Any] | None
"""Smallest and greatest value of a column; None where the file does not say."""


@dataclass(frozen=True)
class _Group:
    """A row group of the stored fields: its place, the index of its first field, and the span of each column."""

    part: int
    number: int
    first: int
    spans: Sequence[Span]

    def may_hold(self, field: Field) -> bool:
        return all(span is None or span[0] <= value <= span[1] for span, value in zip(self.spans, field, strict=True))


class PlannedFields:
    """The planned fields of an output.

    The footers of the plan say between which values each row group lies. The fields of one generation lie in order, so
    a field is looked for in one row group or two, and a shard's fields are neighbours. What has been read stays.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self._read: dict[tuple[int, int], dict[Field, int]] = {}

    def index(self, field: Field) -> int | None:
        """Return the index of a field on the frame axis; None if it is not planned."""
        for group in self._groups:
            if group.may_hold(field) and (index := self._fields(group).get(field)) is not None:
                return group.first + index
        return None

    @cached_property
    def _groups(self) -> list[_Group]:
        groups: list[_Group] = []
        first = 0
        for part in range(Stored.of(self.output, "frame").files):
            with opened_table(table_path(self.output, "frame", part)) as file:
                for number in range(file.num_row_groups):
                    group = file.metadata.row_group(number)
                    spans = [_span(group.column(column).statistics) for column in range(group.num_columns)]
                    groups.append(_Group(part, number, first, spans))
                    first += group.num_rows
        return groups

    def _fields(self, group: _Group) -> dict[Field, int]:
        key = group.part, group.number
        if key not in self._read:
            with opened_table(table_path(self.output, "frame", group.part)) as file:
                table = file.read_row_group(group.number)
            columns = (column.to_pylist() for column in table.columns)
            self._read[key] = {field: index for index, field in enumerate(zip(*columns, strict=True))}
        return self._read[key]


def _span(statistics: Any) -> Span:
    return (statistics.min, statistics.max) if statistics is not None and statistics.has_min_max else None
