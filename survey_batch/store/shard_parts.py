"""Parts of shards on a disk, decoded by Zarr's own codecs in the thread that asks for them.

Zarr hands each chunk to a thread for each step, which costs more than decoding it. What is not as it should be (a file
or a chunk that is missing, or one that cannot be decoded) is left to Zarr, which knows what to say of it.
"""

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ShardingCodec
from zarr.codecs.sharding import ShardingCodecIndexLocation
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.storage import LocalStore, WrapperStore

from survey_batch.store.damage import OF_DAMAGE, DamagedError
from survey_batch.store.schema import Array

Part = int | slice
Span = tuple[int, int]
"""Begin and end along one axis."""

_PROTOTYPE = default_buffer_prototype()

IN_THIS_THREAD = "_decode_sync"
"""A method of Zarr's codecs that is not public; where one lacks it, Zarr itself reads."""


def read_part(array: zarr.Array[Any], *where: Part) -> Array:
    """Read a part of an array, as `array[where]` does.

    Parameters
    ----------
    array
        Of a product.
    where
        Indices, not negative, and slices of step 1 along the first axes.
    """
    try:
        found = _read_here(array, where)
    except (*OF_DAMAGE, DamagedError):
        found = None
    return np.asarray(array[where]) if found is None else found


def _read_here(array: zarr.Array[Any], where: tuple[Part, ...]) -> Array | None:
    """Read a part of numbers in a sharded array on a disk; None where it is something else, or a chunk is missing."""
    metadata, folder = array.metadata, _folder(array)
    if folder is None or array.dtype.kind not in "fiub" or not isinstance(metadata, ArrayV3Metadata):
        return None
    if len(metadata.codecs) != 1 or not isinstance(sharding := metadata.codecs[0], ShardingCodec):
        return None
    if sharding.index_location is not ShardingCodecIndexLocation.end or not array.shards:
        return None
    whole = [slice(None)] * (array.ndim - len(where))
    spans = [_span(part, length) for part, length in zip((*where, *whole), array.shape, strict=True)]
    found = np.empty([end - begin for begin, end in spans], array.dtype)
    spec = ArraySpec(array.chunks, metadata.data_type, metadata.fill_value, array.async_array.config, _PROTOTYPE)
    for shard in product(*map(_touched, spans, array.shards)):
        origin = [at * size for at, size in zip(shard, array.shards, strict=True)]
        inside = [
            (max(begin - first, 0), min(end - first, size))
            for (begin, end), first, size in zip(spans, origin, array.shards, strict=True)
        ]
        with (folder / metadata.encode_chunk_key(shard)).open("rb", buffering=0) as file:
            for place, raw in _chunks(file.fileno(), sharding, inside, array, spec):
                if raw is None:
                    return None
                first = [a + at * size for a, at, size in zip(origin, place, array.chunks, strict=True)]
                _put(found, spans, first, _decoded(raw, sharding.codecs, spec))
    return found[tuple(0 if isinstance(part, int) else slice(None) for part in where)]


def _folder(array: zarr.Array[Any]) -> Path | None:
    """Return where the array is on a disk."""
    store: Any = array.store_path.store
    while isinstance(store, WrapperStore):
        store = store._store  # noqa: SLF001
    return store.root / array.store_path.path if isinstance(store, LocalStore) else None


def _span(part: Part, length: int) -> Span:
    if isinstance(part, slice):
        begin, end, _ = part.indices(length)
        return begin, max(begin, end)
    if not 0 <= part < length:
        raise IndexError(part)
    return int(part), int(part) + 1


def _touched(span: Span, size: int) -> range:
    """Return which parts of `size` along an axis hold a span."""
    return range(span[0] // size, -(-span[1] // size))


def _chunks(
    file: int, sharding: ShardingCodec, inside: list[Span], array: zarr.Array[Any], spec: ArraySpec
) -> Iterator[tuple[tuple[int, ...], bytes | None]]:
    """Read the chunks of a shard that hold spans of it: places in the shard, and bytes."""
    shards: Any = array.shards
    counts = tuple(whole // part for whole, part in zip(shards, array.chunks, strict=True))
    of_index = ArraySpec((*counts, 2), spec.dtype, spec.fill_value, spec.config, _PROTOTYPE)
    length = 16 * int(np.prod(counts))
    for codec in sharding.index_codecs:
        length = codec.compute_encoded_size(length, of_index)
    size = os.fstat(file).st_size
    raw = _PROTOTYPE.buffer.from_bytes(os.pread(file, length, size - length))
    for codec in reversed(sharding.index_codecs[1:]):
        raw = getattr(codec, IN_THIS_THREAD)(raw, of_index)
    index = np.frombuffer(raw.to_bytes(), "<u8").reshape(*counts, 2)
    for place in product(*map(_touched, inside, array.chunks)):
        begin, count = index[place].tolist()
        yield place, os.pread(file, count, begin) if begin + count <= size else None


def _decoded(raw: bytes, codecs: Any, spec: ArraySpec) -> npt.NDArray[Any]:
    part: Any = _PROTOTYPE.buffer.from_bytes(raw)
    for codec in reversed(codecs):
        part = getattr(codec, IN_THIS_THREAD)(part, spec)
    return np.asarray(part.as_numpy_array()).reshape(spec.shape)


def _put(found: Array, spans: list[Span], first: list[int], chunk: npt.NDArray[Any]) -> None:
    """Copy what is wanted of a chunk that begins at `first`."""
    into, out_of = [], []
    for (begin, end), start, size in zip(spans, first, chunk.shape, strict=True):
        low, high = max(begin, start), min(end, start + size)
        into.append(slice(low - begin, high - begin))
        out_of.append(slice(low - start, high - start))
    found[tuple(into)] = chunk[tuple(out_of)]
