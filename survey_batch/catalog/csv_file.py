"""CSV catalogues: find the delimiter and header, drop comments, set aside lines that do not fit."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from survey_batch.catalog.csv_header import Header, encoding_of, find_header
from survey_batch.catalog.source import Location, Rows, Source
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted

_HEAD_BYTES = 1 << 20
_NAMES = re.compile(r"^(?!#).*\S", re.MULTILINE)
"""A line that is not a comment."""
_BLOCK_BYTES = 1 << 24
"""Bytes of text parsed at a time."""


def csv_source(location: Location) -> Source:
    """Open a text catalogue: CSV, ECSV, or the CSV of VizieR and Excel, in UTF-8 or UTF-16.

    Raises
    ------
    ConfigurationError
        There is no header line, or the text has another encoding.
    """
    encoding, head = _head(location)
    header = find_header(head, location.url)

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        return _read(location, header, encoding, names)

    return Source(location.url, header.columns, batches, header.notes, text=True)


def _head(location: Location) -> tuple[str, str]:
    """Return the encoding, and the text to well beyond the column names; comments above them may be long."""
    with location.open() as file:
        read = file.read(_HEAD_BYTES)
        encoding = encoding_of(read) or "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            text = decoder.decode(read)
            while read and not _NAMES.search(text):
                text += decoder.decode(read := file.read(_HEAD_BYTES))
            return encoding, text + decoder.decode(file.read(_HEAD_BYTES))
        except UnicodeDecodeError as error:
            raise _not_unicode(location.url, error) from error


def _not_unicode(url: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(f"catalog.path: cannot read {url}: {error}: save it as UTF-8 text")


def _read(location: Location, header: Header, encoding: str, names: Sequence[str]) -> Iterator[Rows]:
    """Read columns as text, block by block, and always the first column: it reveals comments and second tables."""
    column_index = {name: header.names.index(name) for name in names}
    wanted = [f"f{index}" for index in sorted({0, *column_index.values()})]
    misfits, formulas = _Misfits(header, location.url), set[str]()
    try:
        with location.open() as file:
            for batch in _open(file, header, encoding, wanted, misfits):
                rows = misfits.put_back(pa.Table.from_batches([batch]))
                _refuse_second_table(rows, header, location.url)
                yield _rows(rows, column_index, formulas)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise _not_unicode(location.url, error) from error
    nothing = pa.schema([(name, pa.string()) for name in wanted]).empty_table()
    yield _rows(misfits.put_back(nothing, last=True), column_index, formulas)
    misfits.refuse_if_most()


def _open(file: Any, header: Header, encoding: str, wanted: list[str], misfits: "_Misfits") -> Any:
    return pacsv.open_csv(
        file,
        # Arrow knows the row numbers of misfits only when it reads in a single thread.
        read_options=pacsv.ReadOptions(
            use_threads=False,
            # Arrow reads "utf-8" as it is and checks only the columns it reads; it decodes other encodings whole.
            encoding="utf-8-sig" if encoding == "utf-8" else encoding,
            block_size=_BLOCK_BYTES,
            skip_rows=header.lines,
            column_names=[f"f{index}" for index in range(len(header.names))],
        ),
        parse_options=pacsv.ParseOptions(delimiter=header.delimiter, invalid_row_handler=misfits.set_aside),
        convert_options=pacsv.ConvertOptions(include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string())),
    )


def _refuse_second_table(rows: Rows, header: Header, url: str) -> None:
    """Refuse a second line of dashes: VizieR writes several tables one below another."""
    if header.ruled and pc.any(pc.match_substring_regex(rows.table["f0"], "^--+$")).as_py():
        raise ConfigurationError(
            f"catalog.path: {url} holds several tables one below another, as VizieR writes them: save one of them "
            "alone, or save all as VOTable and choose one with catalog.table"
        )


def _rows(rows: Rows, column_index: dict[str, int], formulas: set[str]) -> Rows:
    """Take the columns asked for, without the formula `="123"` in which spreadsheets keep the digits of a number."""
    columns, notes = {name: rows.table[f"f{index}"] for name, index in column_index.items()}, rows.notes
    for name, values in columns.items():
        if pc.any(pc.starts_with(values, '="')).as_py():
            columns[name] = pc.replace_substring_regex(values, '^="(.*)"$', r"\1")
            if name not in formulas:
                notes += (f'column {name!r} holds formulas of a spreadsheet: ="123" is read as 123',)
            formulas.add(name)
    return Rows(pa.table(columns), rows.unreadable, notes=notes)


@dataclass
class _Misfits:
    """Lines that do not fit the header, and how far the file has been read."""

    header: Header
    url: str
    waiting: list[Any] = field(default_factory=list)
    line: int = 0
    rows: int = 0
    bad: int = 0
    commented_out: int = 0
    first: str = ""

    def set_aside(self, line: Any) -> str:
        """Keep a line until its row is reached; the parser, which calls this, may be a block ahead."""
        self.waiting.append(line)
        return "skip"

    def put_back(self, table: pa.Table, last: bool = False) -> Rows:
        """Put lines that do not fit back among the rows, as rows of nulls, and drop the comments.

        A line that begins with `#` and has as many fields as the header is a row whose first value begins with `#`. But
        if the header itself begins with `#`, such a line is a row that was commented out, and is counted.
        """
        lines = self._among(table.num_rows, last)
        total = table.num_rows + len(lines)
        at = np.array([line.number - self.header.lines - 1 - self.line for line in lines], dtype=np.int64)
        self.line += total
        reads = np.ones(total, bool)
        reads[at] = False
        comment = np.zeros(total, bool)
        if self.header.commented:
            comment[reads] = pc.fill_null(pc.starts_with(table["f0"], "#"), False).to_numpy()
            self.commented_out += int(comment.sum())
        comment[at] = [line.text.startswith("#") for line in lines]
        unreadable: dict[int, str] = {}
        if lines or comment.any():
            taken = np.where(reads, np.cumsum(reads) - 1, 0)[~comment]
            table = table.take(pa.array(taken, mask=~reads[~comment]))
            row_of = np.cumsum(~comment) - 1
            unreadable = {
                int(row_of[index]): _explain(line) for index, line in zip(at, lines, strict=True) if not comment[index]
            }
        self._count(table.num_rows, unreadable)
        return Rows(table, unreadable, notes=self._notes() if last else ())

    def _notes(self) -> tuple[str, ...]:
        if not self.commented_out:
            return ()
        return (
            f"{self.url}: lines left out as comments that have as many fields as the header: {self.commented_out}; "
            "they begin with #, as the header does; if they are rows, remove the # from the header",
        )

    def _among(self, rows: int, last: bool) -> list[Any]:
        """Take the waiting lines that come before the end of the next `rows` rows that fit."""
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
        """Refuse a file if more than half of its rows do not fit its header."""
        if self.bad > 0.5 * self.rows:
            raise ConfigurationError(
                f"catalog.path: {self.url} does not fit its header in {self.bad:,} of {counted(self.rows, 'row')}; "
                f"the first: {self.first}"
            )


def _explain(line: Any) -> str:
    return (
        f"line {line.number} (blank lines not counted) has {counted(line.actual_columns, 'field')} where the header "
        f"has {line.expected_columns}: {line.text[:60]!r}"
    )
