"""Opening of catalogue files, whose format is told by their first bytes, not their names."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fsspec

from survey_batch.catalog.csv_file import csv_source
from survey_batch.catalog.csv_header import encoding_of
from survey_batch.catalog.foreign import refuse_binary, refuse_text
from survey_batch.catalog.masks import masked_batches
from survey_batch.catalog.parquet_file import folder_source, parquet_source
from survey_batch.catalog.source import FIRST_TABLE, Choice, Location, Rows, Source
from survey_batch.catalog.tables import fits_source, text_source, votable_source
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.paths import is_url

_ZSTD = "zstd"
_COMPRESSION = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": _ZSTD}
_HEAD_BYTES = 1 << 16
_IPAC_TYPES = {"", "char", "c", "date", "int", "i", "long", "l", "float", "f", "real", "r", "double", "d"}


def open_source(url: str, choice: Choice = FIRST_TABLE) -> Source:
    """Find a catalogue's format and columns.

    Parameters
    ----------
    url
        Path or fsspec URL of a CSV (`,`, `|`, `;` or tab; also ECSV, VizieR's and Excel's), FITS, VOTable, MRT or IPAC
        file, which may be compressed (gzip, bz2, xz; zstd where zstandard is installed); or of a Parquet file, a
        folder of Parquet files or a HATS catalogue.
    choice
        Which of several tables to read, and whether to accept a result that was cut off.

    Raises
    ------
    ConfigurationError
        The file cannot be opened, is empty, or is none of these formats.
    """
    with _explained(url):
        source = _open(url, choice)

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        with _explained(url):
            yield from masked_batches(source, names)

    return replace(source, url=url, batches=batches)


def _open(url: str, choice: Choice) -> Source:
    filesystem, path = fsspec.core.url_to_fs(url)
    if filesystem.isdir(path):
        source = folder_source(url)
    else:
        location = Location(url, _compression(url))
        with location.open() as file:
            head = file.read(_HEAD_BYTES)
        source = _reader(head, url, choice)(location)
    if choice.table is not None and not source.tables:
        raise ConfigurationError(
            f"catalog.table: {url} is not a FITS file or VOTable and holds one table: remove this key"
        )
    if choice.accept_overflow and not source.tells_overflow:
        raise ConfigurationError(
            f"catalog.accept_overflow: {url} is not a VOTable, and no other format says that a result was cut off: "
            "remove this key"
        )
    return source


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn any error with a file into a readable message."""
    try:
        yield
    except SurveyBatchError:
        raise
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"catalog.path: there is no file {url}: correct the path{_counting_from(url)}"
        ) from error
    except Exception as error:  # each fsspec backend and each file format has errors of its own
        raise ConfigurationError(
            f"catalog.path: cannot read {url} ({type(error).__name__}: {error}): check the address, your "
            "access to it, and that the file is complete"
        ) from error


def _counting_from(path: str) -> str:
    """Say where a relative path leads from."""
    if is_url(path) or Path(path).is_absolute():
        return ""
    return f"; relative paths count from the folder in which you give the command, now {Path.cwd()}"


def _compression(url: str) -> str | None:
    with fsspec.open(url, "rb") as file:
        head = file.read(8)
    found = next((name for magic, name in _COMPRESSION.items() if head.startswith(magic)), None)
    if found == _ZSTD and found not in fsspec.available_compressions():
        raise ConfigurationError(
            f"catalog.path: {url} is packed by zstd, which needs the package zstandard: pip install zstandard, or "
            "unpack it with zstd -d"
        )
    return found


def _reader(head: bytes, url: str, choice: Choice) -> Callable[[Location], Source]:
    """Choose the reader by the first bytes."""
    if not head.strip(b"\xef\xbb\xbf \r\n\t"):
        raise ConfigurationError(f"catalog.path: {url} is empty")
    if head.startswith(b"PAR1"):
        return lambda location: parquet_source(location.url)
    if head.startswith(b"SIMPLE  ="):
        return lambda location: fits_source(location, choice)
    refuse_binary(head, url)
    encoding = encoding_of(head)
    if encoding is None:
        raise ConfigurationError(
            f"catalog.path: {url} is not text, Parquet or FITS (it begins with {head[:16]!r}): name another "
            "file, or save the table as CSV in UTF-8, Parquet, FITS or VOTable"
        )
    text = head.decode(encoding, errors="replace").lstrip()
    refuse_text(text, url)
    if text.startswith("<"):
        return lambda location: votable_source(location, choice)
    if "Byte-by-byte Description of file" in text:
        return lambda location: text_source(location, encoding, "mrt")
    if _is_ipac(text):
        return lambda location: text_source(location, encoding, "ipac")
    return csv_source


def _is_ipac(text: str) -> bool:
    """Recognise an IPAC table: keyword lines that begin with a backslash, then names and types between bars."""
    lines = [line.strip() for line in text.splitlines() if not line.startswith("\\")][:2]
    if len(lines) < 2 or not all(line.startswith("|") and line.endswith("|") for line in lines):
        return False
    return {cell.strip().lower() for cell in lines[1].strip("|").split("|")} <= _IPAC_TYPES
