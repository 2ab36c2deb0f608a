"""A catalogue file as a source of columns, whatever its format."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fsspec
import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """Columns of a catalogue, one entry per input row in input order.

    Attributes
    ----------
    table
        The columns asked for, named as in the file.
    unreadable
        Reason by input row, for lines that could not be told apart into fields; null in each column.
    """

    table: pa.Table
    unreadable: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A catalogue file: its column names, and a function that reads some of them."""

    url: str
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], Rows]


@dataclass(frozen=True)
class Location:
    """A file that can be opened, decompressed on the way where it is compressed."""

    url: str
    compression: str | None

    def open(self) -> Any:
        """Open for reading bytes; to be used in a `with` statement."""
        return fsspec.open(self.url, "rb", compression=self.compression)
