"""The head of a text catalogue: its encoding, its delimiter, and what its columns are called."""

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from survey_batch.catalog.source import Column, distinct
from survey_batch.errors import ConfigurationError

_DELIMITERS = ",|\t;"
_RULE = re.compile(r"-+")
ECSV = "# %ECSV"


@dataclass(frozen=True)
class Header:
    """Columns, the delimiter, the number of lines before the first row, and what was noticed.

    `ruled` tells that a line of dashes stands below the names, as VizieR writes it.
    """

    columns: tuple[Column, ...]
    delimiter: str
    lines: int
    notes: tuple[str, ...] = ()
    ruled: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.name for column in self.columns)


def encoding_of(head: bytes) -> str | None:
    """Tell the encoding of a text by its first bytes; None where it is no text."""
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
    """Find the line that names the columns: the first that is no comment, or the comment right before the data.

    SkyServer writes `#Table1` above its header; TOPCAT and numpy put the header itself behind a `#`. VizieR puts units
    and a line of dashes below it, Excel `sep=;` above it, and ECSV has all in its comments.

    Raises
    ------
    ConfigurationError
        No line names columns, or they are separated by blanks.
    """
    lines = text.splitlines()
    separator = re.fullmatch(r"sep=(.)\s*", lines[0]) if lines else None
    if separator:
        lines[0] = ""
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), None)
    if first is None:
        raise ConfigurationError(f"catalog.path: {url} holds no rows, only comments")
    if text.startswith(ECSV):
        return _ecsv_header(lines[: first + 1], url)
    cells, delimiter = _cells(lines[first], separator and separator[1])
    if not any(line.strip() for line in lines[first + 1 :]) and not any(map(_is_number, cells)):
        raise ConfigurationError(f"catalog.path: {url} has column names, but no rows")
    if not any(map(_is_number, cells)):
        _refuse_blanks(lines[first : first + 2], cells, url)
        return _named(cells, delimiter, lines, first)
    commented, delimiter = _cells(lines[first - 1].lstrip("# "), separator and separator[1]) if first else ((), ",")
    if len(commented) != len(cells) or any(map(_is_number, commented)):
        raise ConfigurationError(
            f"catalog.path: line {first + 1} of {url} should name the columns, but holds numbers "
            f"({lines[first][:60]!r}): add a header line"
        )
    return _header([Column(name) for name in commented], delimiter, first)


def _named(cells: Sequence[str], delimiter: str, lines: Sequence[str], first: int) -> Header:
    """Take the units below the names, where a line of dashes tells that they are units."""
    below = [_cells(line, delimiter)[0] for line in lines[first + 1 : first + 3]]
    ruled = [i for i, row in enumerate(below) if len(row) == len(cells) and all(map(_RULE.fullmatch, row))]
    units = below[0] if ruled == [1] and len(below[0]) == len(cells) else ("",) * len(cells)
    columns = [Column(name, unit) for name, unit in zip(cells, units, strict=True)]
    return _header(columns, delimiter, first + 1 + (ruled[0] + 1 if ruled else 0), bool(ruled))


def _ecsv_header(lines: Sequence[str], url: str) -> Header:
    """Read units and types from the comments of an ECSV file; its rows are those of a CSV file."""
    from astropy.table.meta import get_header_from_yaml

    try:
        described = get_header_from_yaml([line.removeprefix("#").removeprefix(" ") for line in lines[1:-1]])
        known = {str(column["name"]): column for column in described["datatype"]}
    except Exception as error:  # YAML has many errors of its own
        raise ConfigurationError(
            f"catalog.path: the header of {url} is not that of an ECSV file ({error}): write it anew with astropy, "
            "or take the comments out to have it read as plain CSV"
        ) from error
    delimiter = described.get("delimiter", " ")
    columns = [
        Column(
            name,
            str(known.get(name, {}).get("unit") or ""),
            vector="subtype" in known.get(name, {}),
            single=known.get(name, {}).get("datatype") in ("float16", "float32"),
        )
        for name in _cells(lines[-1], delimiter)[0]
    ]
    return _header(columns, delimiter, len(lines))


def _header(columns: Sequence[Column], delimiter: str, lines: int, ruled: bool = False) -> Header:
    unique, notes = distinct(columns)
    return Header(unique, delimiter, lines, notes, ruled)


def _refuse_blanks(lines: Sequence[str], cells: Sequence[str], url: str) -> None:
    if len(cells) == 1 and len(cells[0].split()) > 1 and len(cells[0].split()) == len(lines[-1].split()):
        raise ConfigurationError(
            f"catalog.path: the columns of {url} are separated by blanks ({lines[0][:60]!r}): save it as CSV, with "
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
