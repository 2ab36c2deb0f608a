"""Where a field is on the frame axis, found in the stored plan without reading all of it."""

from functools import cached_property
from typing import Any

from survey_batch.planning.footers import RowGroups, read_group, row_groups
from survey_batch.planning.stored import Stored, table_path, to_numpy

Field = tuple[Any, ...]
"""The values of a field's columns, in the order of the plan."""


class PlannedFields:
    """The planned fields of an output.

    The footers of the plan say between which values each row group lies. The fields of one generation lie in order, so
    a field is looked for in one row group or two, and a shard's fields are neighbours. What has been read stays.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self._read: dict[int, dict[Field, int]] = {}  # by row group: the index of each field

    def index(self, field: Field) -> int | None:
        """Return the index of a field on the frame axis; None if it is not planned."""
        for known in self._read.values():
            if (index := known.get(field)) is not None:
                return index
        for group in self._groups.that_may_hold(field):
            if group not in self._read and (index := self._fields(group).get(field)) is not None:
                return index
        return None

    @cached_property
    def _groups(self) -> RowGroups:
        files = Stored.of(self.output, "frame", fresh=False).files
        return row_groups([table_path(self.output, "frame", part) for part in range(files)])

    def _fields(self, group: int) -> dict[Field, int]:
        part, number = self._groups.place[group]
        table = read_group(table_path(self.output, "frame", part), number)
        columns = (to_numpy(column).tolist() for column in table.columns)
        first = int(self._groups.first[group])
        self._read[group] = {field: index for index, field in enumerate(zip(*columns, strict=True), first)}
        return self._read[group]
