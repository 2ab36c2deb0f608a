"""A hash of a table's rows, which names a plan."""

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def hash_of(table: pa.Table) -> str:
    """Hash all rows in order; the memory layout does not matter."""
    digest = hashlib.sha256()
    for name in sorted(table.column_names):
        digest.update(f"{name} {table.num_rows}\n".encode())
        for piece in _bytes_of(table[name]):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _bytes_of(column: pa.ChunkedArray) -> Iterator[Any]:
    """Yield the content of a column: its nulls, then its values, or the lengths of its texts and the texts."""
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if column.null_count:
        yield from (np.asarray(chunk.is_valid()) for chunk in chunks)
        chunks = [chunk.fill_null("" if pa.types.is_string(column.type) else 0) for chunk in chunks]
    if not pa.types.is_string(column.type):
        yield from (np.ascontiguousarray(chunk) for chunk in chunks)
        return
    yield from (np.asarray(pc.binary_length(chunk)) for chunk in chunks)
    yield from (_text_bytes(chunk) for chunk in chunks)


def _text_bytes(chunk: pa.Array) -> memoryview:
    """Return the bytes of a chunk's texts, one after the other; the chunk may be a slice."""
    _, offsets, data = chunk.buffers()
    ends = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(data or b"")[ends[0] : ends[-1]]
