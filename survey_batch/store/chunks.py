"""Parts of sharded arrays in an object store: each chunk that they touch is asked for once, and several at a time.

Zarr asks for the index of a shard, and then for one chunk after the other, each time that a part is read.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import product as each_of
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import ByteRequest, Store, SuffixByteRequest
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import StorePath, WrapperStore

from survey_batch.store.damage import damage_told
from survey_batch.store.products import open_group, stored
from survey_batch.store.schema import Array
from survey_batch.store.together import together

Part = tuple[slice, ...]
"""Where along each axis of an array; all of the axes that are left out."""


def read_parts(output: str, product: str, parts: Sequence[tuple[str, Part]]) -> list[Array]:
    """Read parts of a product's arrays, chunk by chunk.

    Parameters
    ----------
    output, product
        The product.
    parts
        The name of the array, and the part of it, which is not empty.

    Returns
    -------
    list of array
        What Zarr returns for each part.

    Raises
    ------
    DamagedError
        A chunk is not what was written.
    """
    group = open_group(output, product, fresh=False)
    once = StorePath(_IndexOnce(group.store), group.path)
    view = zarr.Group(zarr.AsyncGroup(metadata=group.metadata, store_path=once))
    arrays = {name: stored(view, name) for name, _ in parts}
    parts = [(name, _every_axis(part, arrays[name].shape)) for name, part in parts]
    wanted = [[(name, chunk) for chunk in _chunks(part, arrays[name])] for name, part in parts]
    chunks = list(dict.fromkeys(chunk for each in wanted for chunk in each))
    rows = [axis.start for _, (axis, *_) in parts], [axis.stop for _, (axis, *_) in parts]
    with damage_told(group, list(arrays), slice(min(rows[0]), max(rows[1]))):
        values = together(output, lambda chunk: np.asarray(arrays[chunk[0]][_place(chunk[1])]), chunks)
    found = dict(zip(chunks, values, strict=True))
    return [
        _joined(part, [(_place(chunk), found[name, chunk]) for name, chunk in each], arrays[name].dtype)
        for (name, part), each in zip(parts, wanted, strict=True)
    ]


def _every_axis(part: Part, shape: tuple[int, ...]) -> Part:
    return (*part, *(slice(0, length) for length in shape[len(part) :]))


Chunk = tuple[tuple[int, int], ...]
"""Start and stop along every axis: slices cannot be keys before Python 3.12."""


def _chunks(part: Part, array: zarr.Array[Any]) -> Iterator[Chunk]:
    """Return the chunks that a part touches."""
    sizes = zip(part, array.chunks, array.shape, strict=True)
    axes = [
        [(at * size, min((at + 1) * size, length)) for at in range(span.start // size, -(-span.stop // size))]
        for span, size, length in sizes
    ]
    return each_of(*axes)


def _place(chunk: Chunk) -> Part:
    return tuple(slice(start, stop) for start, stop in chunk)


def _joined(part: Part, chunks: list[tuple[Part, Array]], dtype: Any) -> Array:
    """Put a part together from the chunks that it touches."""
    values = np.empty([span.stop - span.start for span in part], dtype)
    for place, found in chunks:
        both = [slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(part, place, strict=True)]
        values[_within(both, part)] = found[_within(both, place)]
    return values


def _within(spans: Sequence[slice], whole: Part) -> Part:
    """Count from the start of a larger part."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(spans, whole, strict=True))


class _IndexOnce(WrapperStore[Store]):
    """A product's files, of which the index of a shard is asked for once, however many chunks of it are read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._indices: dict[str, asyncio.Future[Buffer | None]] = {}

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Get a file's bytes."""
        prototype = prototype or default_buffer_prototype()
        if not isinstance(byte_range, SuffixByteRequest):
            return await self._store.get(key, prototype, byte_range)
        if key not in self._indices:  # all of Zarr's reading runs in one loop
            self._indices[key] = asyncio.ensure_future(self._store.get(key, prototype, byte_range))
        return await self._indices[key]
