"""Opening a catalogue file: the format is told by its first bytes, not by its name."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import fsspec

from survey_batch.catalog.csv_file import csv_source
from survey_batch.catalog.source import Location, Rows, Source
from survey_batch.catalog.tables import fits_source, parquet_source, votable_source
from survey_batch.errors import ConfigurationError, SurveyBatchError

_COMPRESSION = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


def open_source(url: str) -> Source:
    """Find out a catalogue's format and its column names.

    Parameters
    ----------
    url
        Path or fsspec URL of a CSV (`,`, `|`, `;` or tab), FITS or VOTable file, also compressed (gzip, bz2, xz),
        of a Parquet file, or of a folder of these.

    Raises
    ------
    ConfigurationError
        The file cannot be opened, is empty, or is none of these formats.
    """
    with _explained(url):
        source = _open(url)

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        with _explained(url):
            yield from source.batches(names)

    return replace(source, url=url, batches=batches)


def _open(url: str) -> Source:
    filesystem, path = fsspec.core.url_to_fs(url)
    if filesystem.isdir(path):
        return parquet_source(url)
    location = Location(url, _compression(url))
    with location.open() as file:
        head = file.read(512).lstrip(b"\xef\xbb\xbf \r\n\t")
    return _reader(head, url)(location)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn whatever goes wrong with a file into words."""
    try:
        yield
    except SurveyBatchError:
        raise
    except FileNotFoundError as error:
        raise ConfigurationError(f"catalog.path: there is no file {url}: correct the path") from error
    except Exception as error:  # each fsspec backend and each file format has errors of its own
        raise ConfigurationError(
            f"catalog.path: cannot read {url} ({type(error).__name__}: {error}): check the address, your "
            "access to it, and that the file is complete"
        ) from error


def _compression(url: str) -> str | None:
    with fsspec.open(url, "rb") as file:
        head = file.read(8)
    return next((name for magic, name in _COMPRESSION.items() if head.startswith(magic)), None)


def _reader(head: bytes, url: str) -> Callable[[Location], Source]:
    """Choose the reader by the first bytes."""
    if not head:
        raise ConfigurationError(f"catalog.path: {url} is empty")
    if head.startswith(b"PAR1"):
        return lambda location: parquet_source(location.url)
    if head.startswith(b"SIMPLE  ="):
        return fits_source
    if head.startswith(b"<"):
        if b"<VOTABLE" not in head.upper() and not head.startswith(b"<?xml"):
            raise ConfigurationError(
                f"catalog.path: {url} is a web page, not a catalogue (a login or an error page?): open it and see"
            )
        return votable_source
    if b"\x00" in head:
        raise ConfigurationError(f"catalog.path: {url} is not CSV, Parquet, FITS or VOTable")
    return csv_source
