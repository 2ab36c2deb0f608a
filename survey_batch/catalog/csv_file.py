"""CSV catalogues: delimiter and header found, comments left out, lines that do not fit set aside."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from survey_batch.catalog.source import Location, Rows, Source
from survey_batch.errors import ConfigurationError

_DELIMITERS = ",|\t;"
_HEAD_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 24
"""Text that is parsed at a time."""


@dataclass(frozen=True)
class Header:
    """Column names, the delimiter, and the number of lines before the first row."""

    names: tuple[str, ...]
    delimiter: str
    lines: int


def csv_source(location: Location) -> Source:
    """Open a CSV catalogue.

    Raises
    ------
    ConfigurationError
        There is no header line.
    """
    with location.open() as file:
        head = file.read(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    header = find_header(head, location.url)

    return Source(location.url, header.names, lambda names: _read(location, header, names), text=True)


def find_header(text: str, url: str) -> Header:
    """Find the line that names the columns: the first that is no comment, or the comment right before the data.

    SkyServer writes `#Table1` above its header; TOPCAT and numpy put the header itself behind a `#`.

    Raises
    ------
    ConfigurationError
        No line names columns.
    """
    lines = text.splitlines()
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        raise ConfigurationError(f"catalog.path: {url} holds no rows, only comments")
    cells, delimiter = _cells(lines[first])
    if not any(line.strip() for line in lines[first + 1 :]) and not any(map(_is_number, cells)):
        raise ConfigurationError(f"catalog.path: {url} has column names, but no rows")
    if not any(map(_is_number, cells)):
        return Header(cells, delimiter, first + 1)
    commented, delimiter = _cells(lines[first - 1].lstrip("# ")) if first else ((), ",")
    if len(commented) != len(cells) or any(map(_is_number, commented)):
        raise ConfigurationError(
            f"catalog.path: line {first + 1} of {url} should name the columns, but holds numbers "
            f"({lines[first][:60]!r}): add a header line"
        )
    return Header(commented, delimiter, first)


def _cells(line: str) -> tuple[tuple[str, ...], str]:
    delimiter = max(_DELIMITERS, key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return tuple(cell.strip() for cell in cells), delimiter


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")


def _read(location: Location, header: Header, names: Sequence[str]) -> Iterator[Rows]:
    """Read columns as text, block by block; the first column comes along, as a comment line shows in it."""
    places = {name: header.names.index(name) for name in names}
    wanted = [f"f{place}" for place in sorted({0, *places.values()})]
    misfits = _Misfits(header, location.url)
    try:
        with location.open() as file:
            for batch in _open(file, header, wanted, misfits):
                yield _rows(misfits.put_back(pa.Table.from_batches([batch])), places)
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"catalog.path: cannot read {location.url}: {error}: save it as UTF-8 text") from error
    yield _rows(misfits.put_back(pa.schema([(name, pa.string()) for name in wanted]).empty_table(), last=True), places)
    misfits.refuse_if_most()


def _open(file: Any, header: Header, wanted: list[str], misfits: "_Misfits") -> Any:
    return pacsv.open_csv(
        file,
        # Row numbers of misfits are known to a single thread only.
        read_options=pacsv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            skip_rows=header.lines,
            column_names=[f"f{place}" for place in range(len(header.names))],
        ),
        parse_options=pacsv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=misfits.set_aside),
        convert_options=pacsv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())),
    )


def _rows(rows: Rows, places: dict[str, int]) -> Rows:
    return Rows(pa.table({name: rows.table[f"f{place}"] for name, place in places.items()}), rows.unreadable)


@dataclass
class _Misfits:
    """Lines that do not fit the header, and how far into the file the rows have come."""

    header: Header
    url: str
    waiting: list[Any] = field(default_factory=list)
    line: int = 0
    rows: int = 0
    bad: int = 0
    first: str = ""

    def set_aside(self, line: Any) -> str:
        """Keep a line for its place; called by the parser, which may be a block ahead."""
        self.waiting.append(line)
        return "skip"

    def put_back(self, table: pa.Table, last: bool = False) -> Rows:
        """Give lines that do not fit their place among the rows, as rows of nulls, and leave out the comments."""
        lines = self._among(table.num_rows, last)
        total = table.num_rows + len(lines)
        at = np.array([line.number - self.header.lines - 1 - self.line for line in lines], dtype=np.int64)
        self.line += total
        reads = np.ones(total, bool)
        reads[at] = False
        comment = np.zeros(total, bool)
        comment[reads] = pc.fill_null(pc.starts_with(table["f0"], "#"), False).to_numpy()
        comment[at] = [line.text.startswith("#") for line in lines]
        unreadable: dict[int, str] = {}
        if lines or comment.any():
            taken = np.where(reads, np.cumsum(reads) - 1, 0)[~comment]
            table = table.take(pa.array(taken, mask=~reads[~comment]))
            row_of = np.cumsum(~comment) - 1
            unreadable = {
                int(row_of[place]): _explain(line) for place, line in zip(at, lines, strict=True) if not comment[place]
            }
        self._count(table.num_rows, unreadable)
        return Rows(table, unreadable)

    def _among(self, rows: int, last: bool) -> list[Any]:
        """Take the waiting lines that stand before the end of this many rows that fit."""
        count = 0
        end = self.header.lines + 1 + self.line + rows
        while count < len(self.waiting) and (last or self.waiting[count].number < end + count):
            count += 1
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken

    def _count(self, rows: int, unreadable: dict[int, str]) -> None:
        self.rows += rows
        self.bad += len(unreadable)
        self.first = self.first or next(iter(unreadable.values()), "")

    def refuse_if_most(self) -> None:
        """Refuse a file whose header is not that of its rows."""
        if self.bad > 0.5 * self.rows:
            raise ConfigurationError(
                f"catalog.path: {self.bad} of {self.rows} rows of {self.url} do not fit its header; "
                f"the first: {self.first}"
            )


def _explain(line: Any) -> str:
    return (
        f"line {line.number} (blank lines not counted) has {line.actual_columns} fields where "
        f"the header has {line.expected_columns}: {line.text[:60]!r}"
    )
