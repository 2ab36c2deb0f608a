"""CSV catalogues: delimiter and header found, comments left out, lines that do not fit set aside."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from survey_batch.catalog.source import Location, Rows, Source
from survey_batch.errors import ConfigurationError

_DELIMITERS = ",|\t;"
_HEAD_BYTES = 1 << 20


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

    def read(names: Sequence[str]) -> Rows:
        return _read(location, header, names)

    return Source(location.url, header.names, read)


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


def _read(location: Location, header: Header, names: Sequence[str]) -> Rows:
    """Read columns as text; the first column comes along, as a comment line shows in it."""
    places = {name: header.names.index(name) for name in names}
    wanted = [f"f{place}" for place in sorted({0, *places.values()})]
    misfits: list[Any] = []

    def set_aside(line: Any) -> str:
        misfits.append(line)
        return "skip"

    try:
        with location.open() as file:
            table = pacsv.read_csv(
                file,
                # Row numbers of misfits are known to a single thread only.
                read_options=pacsv.ReadOptions(
                    use_threads=False,
                    skip_rows=header.lines,
                    column_names=[f"f{place}" for place in range(len(header.names))],
                ),
                parse_options=pacsv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=set_aside),
                convert_options=pacsv.ConvertOptions(
                    include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())
                ),
            )
    except pa.ArrowInvalid as error:
        raise ConfigurationError(f"catalog.path: cannot read {location.url}: {error}: save it as UTF-8 text") from error
    table, unreadable = _put_back(table, misfits, header, location.url)
    return Rows(pa.table({name: table[f"f{place}"] for name, place in places.items()}), unreadable)


def _put_back(table: pa.Table, misfits: list[Any], header: Header, url: str) -> tuple[pa.Table, dict[int, str]]:
    """Give lines that do not fit their place among the rows, as rows of nulls, and leave out the comments."""
    total = table.num_rows + len(misfits)
    at = np.array([line.number - header.lines - 1 for line in misfits], dtype=np.int64)
    reads = np.ones(total, bool)
    reads[at] = False
    comment = np.zeros(total, bool)
    comment[reads] = pc.fill_null(pc.starts_with(table["f0"], "#"), False).to_numpy()
    comment[at] = [line.text.startswith("#") for line in misfits]
    if not misfits and not comment.any():
        return table, {}
    taken = np.where(reads, np.cumsum(reads) - 1, 0)[~comment]
    table = table.take(pa.array(taken, mask=~reads[~comment]))
    row_of = np.cumsum(~comment) - 1
    unreadable = {
        int(row_of[place]): f"line {line.number} (blank lines not counted) has {line.actual_columns} fields where "
        f"the header has {line.expected_columns}: {line.text[:60]!r}"
        for place, line in zip(at, misfits, strict=True)
        if not comment[place]
    }
    if len(unreadable) > 0.5 * table.num_rows:
        raise ConfigurationError(
            f"catalog.path: {len(unreadable)} of {table.num_rows} rows of {url} do not fit its header; "
            f"the first: {next(iter(unreadable.values()))}"
        )
    return table, unreadable
