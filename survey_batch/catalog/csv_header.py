"""The head of a text catalogue: its encoding, delimiter and column names."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from survey_batch.catalog.angles import is_angle
from survey_batch.catalog.ecsv import MAGIC, ecsv_column, ecsv_description
from survey_batch.catalog.foreign import refuse_message
from survey_batch.catalog.source import Column, distinct
from survey_batch.core.errors import ConfigurationError

EMPTY = "check that the query found something, and download the table again"
"""What to do about a table without rows."""
_DELIMITERS = ",|\t;"
_NAMES_LINES = 1000
"""Most lines that the column names may take; more mean that a quotation mark is not closed."""
_RULE = re.compile(r"-+")
_RDB_TYPE = re.compile(r"\d*[SNM]")
_SEPARATOR = re.compile(r'(?i)"?sep=(.)"?[,;\s]*')
"""Excel's own first line, which other programs quote or pad with delimiters."""
_LINE_END = re.compile(r"\r\n|\r|\n")
"""Line ends as Arrow sees them; `str.splitlines` knows more."""


@dataclass(frozen=True)
class Header:
    """Columns, the delimiter, the number of lines before the first row, and what was noticed.

    `ruled`: a line of dashes follows the names, as VizieR writes it. `commented`: the line of names begins with `#`.
    """

    columns: tuple[Column, ...]
    delimiter: str
    lines: int
    notes: tuple[str, ...] = ()
    ruled: bool = False
    commented: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)


def encoding_of(head: bytes) -> str | None:
    """Tell the encoding of a text by its first bytes; None if it is not text."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and not head.startswith(codecs.BOM_UTF32_LE):
        return "utf-16"
    if b"\x00" not in head:
        return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    pairs = len(head) // 2
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd == pairs and not even:
        return "utf-16-le"
    return "utf-16-be" if even == pairs and not odd else None


def find_header(text: str, url: str) -> Header:
    """Find the line that names the columns: the first non-comment line, or the comment right before the data.

    SkyServer writes `#Table1` above its header; TOPCAT and numpy begin the header itself with `#`. VizieR puts units
    and a line of dashes below it; others put units alone, or types (RDB). Excel puts `sep=;` above it. ECSV keeps
    everything in its comments.

    Raises
    ------
    ConfigurationError
        No line names columns, blanks separate them, a quotation mark is not closed, or vectors are masked apart.
    """
    lines = _LINE_END.split(text)
    separator = _SEPARATOR.fullmatch(lines[0])
    if separator:
        lines[0] = ""
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        raise ConfigurationError(
            f"catalog.path: {url} holds no rows, only comments (the first: {lines[0][:60]!r}): {EMPTY}"
        )
    if text.startswith(MAGIC):
        return _ecsv_header(lines, first, url)
    cells, delimiter, below = _names(lines, first, separator and separator[1], url)
    if not any(map(_is_number, cells)):
        _refuse_numbers(lines[max(first - 1, 0)], lines[first], cells, url)
        refuse_message(lines[first], len(cells), lines[below:], url)
        if not any(line.strip() for line in lines[below:]):
            raise ConfigurationError(f"catalog.path: {url} has column names, but no rows: {EMPTY}")
        _refuse_blanks((lines[first], *lines[below : below + 1]), cells, url)
        return _named(cells, delimiter, lines[below : below + 2], below)
    commented, delimiter = _cells(lines[first - 1].lstrip("# "), separator and separator[1]) if first else ((), ",")
    if len(commented) != len(cells) or any(map(_is_number, commented)):
        raise ConfigurationError(
            f"catalog.path: line {first + 1} of {url} should name the columns, but holds numbers "
            f"({lines[first][:60]!r}): add a header line"
        )
    return replace(_header([Column(name) for name in commented], delimiter, first), commented=True)


def _names(lines: Sequence[str], first: int, delimiter: str | None, url: str) -> tuple[Sequence[str], str, int]:
    """Return the names (quoted ones may contain line ends), the delimiter, and the index of the line below."""
    delimiter = delimiter or max(_DELIMITERS, key=lines[first].count)
    reader = csv.reader((f"{line}\n" for line in lines[first : first + _NAMES_LINES]), delimiter=delimiter)
    try:
        cells = next(reader)
    except csv.Error as error:
        raise ConfigurationError(f"catalog.path: cannot read the column names of {url}: {error}") from error
    if reader.line_num == _NAMES_LINES < len(lines) - first:
        raise ConfigurationError(
            f"catalog.path: line {first + 1} of {url}, which names the columns, has a quotation mark that is not "
            f"closed ({lines[first][:60]!r}): correct it"
        )
    return [" ".join(cell.splitlines()).strip() for cell in cells], delimiter, first + reader.line_num


def _named(cells: Sequence[str], delimiter: str, below: Sequence[str], lines: int) -> Header:
    """Read the units below the names, if a line of dashes or the units themselves show that they are units."""
    rows = [row for row, _ in (_cells(line, delimiter) for line in below)]
    rows = [row if len(row) == len(cells) else () for row in rows]
    ruled = [index for index, row in enumerate(rows) if row and all(map(_RULE.fullmatch, row))]
    units: Sequence[str] = ("",) * len(cells)
    notes: tuple[str, ...] = ()
    if ruled:
        units, lines = (rows[0] if ruled == [1] and rows[0] else units), lines + ruled[0] + 1
    elif len(rows) == 2 and _are_units(*rows):
        units, lines = rows[0], lines + 1
        said = ", ".join(f"{name!r} in {unit!r}" for name, unit in zip(cells, units, strict=True) if unit)
        notes = (f"line {lines} holds units, not a row: {said}",)
    elif delimiter == "\t" and rows and rows[0] and all(map(_RDB_TYPE.fullmatch, rows[0])):
        lines += 1
        notes = (f"line {lines} holds the types of an RDB table, not a row",)
    columns = [Column(name, unit) for name, unit in zip(cells, units, strict=True)]
    return _header(columns, delimiter, lines, bool(ruled), notes)


def _are_units(row: Sequence[str], below: Sequence[str]) -> bool:
    """Tell whether a row holds units: it has no digits, and a unit of angle stands above a number."""
    if not row or not below or any(re.search(r"\d", cell) for cell in row):
        return False
    return any(is_angle(cell) and re.search(r"\d", under) for cell, under in zip(row, below, strict=True))


def _ecsv_header(lines: Sequence[str], first: int, url: str) -> Header:
    """Read units and types from the comments of an ECSV file, whose rows are read like those of a CSV file."""
    described = ecsv_description(lines[1:first], url)
    cells, delimiter, below = _names(lines, first, described.get("delimiter", " "), url)
    return _header([ecsv_column(name, described["datatype"].get(name, {})) for name in cells], delimiter, below)


def _header(
    columns: Sequence[Column], delimiter: str, lines: int, ruled: bool = False, notes: tuple[str, ...] = ()
) -> Header:
    unique, repeated = distinct(columns)
    return Header(unique, delimiter, lines, (*notes, *repeated), ruled)


def _refuse_blanks(lines: Sequence[str], cells: Sequence[str], url: str) -> None:
    if len(cells) == 1 and len(cells[0].split()) > 1 and len(cells[0].split()) == len(lines[-1].split()):
        raise _blanks(lines[0], url)


def _refuse_numbers(above: str, line: str, cells: Sequence[str], url: str) -> None:
    """Refuse rows of numbers between blanks, below a comment with the names if any, as TOPCAT and SExtractor write."""
    words = line.split() if len(cells) == 1 else []
    numbers = sum(map(_is_number, words))
    named = above.startswith("#") and len(above.lstrip("# ").split()) == len(words)
    if len(words) > 1 and (numbers == len(words) or (named and numbers)):
        raise _blanks(line, url)


def _blanks(line: str, url: str) -> ConfigurationError:
    return ConfigurationError(
        f"catalog.path: the columns of {url} are separated by blanks ({line[:60]!r}): save it as CSV with "
        "commas (TOPCAT and astropy read it as 'ascii')"
    )


def _cells(line: str, delimiter: str | None = None) -> tuple[tuple[str, ...], str]:
    delimiter = delimiter or max(_DELIMITERS, key=line.count)
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return tuple(cell.strip() for cell in cells), delimiter


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")
