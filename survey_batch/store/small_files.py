"""Small files of an output, tables and JSON: one that is empty, cut short or something else is told in a sentence."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.paths import read_bytes, read_json, write_bytes


class DamagedFileError(SurveyBatchError):
    """A small file of the output cannot be read as what it is; a run writes it again."""

    def __init__(self, path: str, why: str = "") -> None:
        self.path, self.why = path, why
        reason = f" ({why})" if why else ""
        super().__init__(f"{path} is damaged and cannot be read{reason}: survey-batch run writes it again")

    def __reduce__(self) -> tuple[object, ...]:
        return DamagedFileError, (self.path, self.why), vars(self)


def read_mapping(path: str) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises
    ------
    FileNotFoundError
        There is none.
    DamagedFileError
        It is not that.
    """
    try:
        found = read_json(path)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(path, "it is not JSON") from error
    if not isinstance(found, dict):
        raise DamagedFileError(path, "it is not a JSON object")
    return found


def read_run_file(path: str) -> dict[str, Any]:
    """Read `run.json`; raise errors as `read_mapping` does."""
    found = read_mapping(path)
    runs = found.get("runs", [])
    listed = isinstance(runs, list) and all(isinstance(run, dict) for run in runs)
    whole = listed and all(isinstance(run.get("stages"), dict) for run in runs)
    if not (whole and all(isinstance(found.get(key, {}), dict) for key in ("job", "counts", "versions"))):
        raise DamagedFileError(path, "it is not an account of runs")
    return found


@contextmanager
def opened_table(path: str) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, to read parts of it; raise errors as `read_mapping` does."""
    with fsspec.open(path, "rb") as stream, file_told(path):
        yield pq.ParquetFile(stream, page_checksum_verification=True)


def read_table(path: str, schema: pa.Schema | None = None) -> pa.Table:
    """Read a whole Parquet file, which must have the columns of a schema; raise errors as `read_mapping` does."""
    return table_of(path, read_bytes(path), schema)


def table_of(path: str, raw: bytes, schema: pa.Schema | None = None) -> pa.Table:
    """Make a table of the bytes of a Parquet file; raise errors as `read_table` does."""
    with file_told(path):
        # `read_table` takes five times as long for a file of a few rows
        table = pq.ParquetFile(io.BytesIO(raw), page_checksum_verification=True).read()
        return table if schema is None else table.select(schema.names).cast(schema)


def read_row_group(path: str, footer: pq.FileMetaData, group: int) -> pa.Table:
    """Read one row group of a Parquet file whose footer is known, in one request; raise errors as `read_mapping` does.

    fsspec's files ask for the length first, and then read 50 MB ahead.
    """
    with file_told(path):
        columns = [footer.row_group(group).column(index) for index in range(footer.num_columns)]
        starts = [column.dictionary_page_offset or column.data_page_offset for column in columns]
        stop = max(start + column.total_compressed_size for start, column in zip(starts, columns, strict=True))
    part = _Part(read_bytes(path, min(starts), stop), min(starts))
    with file_told(path):
        return pq.ParquetFile(part, metadata=footer, page_checksum_verification=True).read_row_group(
            group, use_threads=False
        )


class _Part(io.BytesIO):
    """Some bytes of a file, at their place in it."""

    def __init__(self, raw: bytes, start: int) -> None:
        super().__init__(raw)
        self.start = start

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return super().seek(offset - self.start if whence == io.SEEK_SET else offset, whence) + self.start

    def tell(self) -> int:
        return super().tell() + self.start


def write_table(path: str, table: pa.Table, **how: Any) -> None:
    """Write a Parquet file whose pages have checksums, whole or not at all."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, write_page_checksum=True, **how)
    write_bytes(path, buffer.getvalue())


@contextmanager
def file_told(path: str) -> Iterator[None]:
    """Turn Arrow's errors on bytes that are not what was written into a DamagedFileError."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError) as error:  # Arrow has all three for bytes that are something else
        if isinstance(error, FileNotFoundError):
            raise
        raise DamagedFileError(path, str(error).strip().splitlines()[0] if str(error) else "") from error
