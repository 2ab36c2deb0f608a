"""Shards that are written whole: each chunk is encoded by Zarr's own codecs, and the file goes to the store at once.

Zarr reads a shard before it writes into it, so that what is not written stays. Ours are written whole: what is there
does not matter, not even if it is damaged, and an object store need not be asked for it. Zarr also copies the whole
shard and hands each chunk to a thread for each codec, which costs as much as encoding it. The files are the same.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync

from survey_batch.store.schema import Shard
from survey_batch.store.shard_parts import NO_CHUNK

Place = tuple[int, ...]
"""Where a chunk is in its shard, counted in chunks along each axis."""

_PROTOTYPE = default_buffer_prototype()

IN_THIS_THREAD = "_encode_sync"
"""A method of Zarr's codecs that is not public; where one lacks it, the public way makes the same bytes more slowly."""


def write_whole(
    array: zarr.Array[Any], shard: Shard, values: npt.NDArray[Any], *, leave_out_empty: bool = False
) -> bytes:
    """Write a whole shard over whatever is there, and return its file; no bytes if nothing was to be written.

    Parameters
    ----------
    array
        Sharded along its first axis alone.
    shard
        Which shard.
    values
        Of all its rows.
    leave_out_empty
        Whether a chunk of nothing but fill values is left out, and the file too if it would hold no chunk.

    Raises
    ------
    ValueError
        The values have another shape than the shard.
    """
    place = array.store_path / array.metadata.encode_chunk_key((shard.index, *[0] * (array.ndim - 1)))
    raw = encode_whole(array, values, len(shard), leave_out_empty=leave_out_empty)
    if getattr(array.store_path.store, "in_this_thread", False):  # Zarr's own thread costs more than a small file
        place.set_sync(_PROTOTYPE.buffer.from_bytes(raw)) if raw else place.delete_sync()
    else:
        sync(place.set(_PROTOTYPE.buffer.from_bytes(raw)) if raw else place.delete())
    return raw


def encode_whole(
    array: zarr.Array[Any], values: npt.NDArray[Any], rows: int, *, leave_out_empty: bool = False
) -> bytes:
    """Return the file of a shard: its chunks, and behind them the index of where each begins and how long it is."""
    values = np.asarray(values, array.dtype)
    metadata, shards, chunks = array.metadata, array.shards, array.chunks
    if not isinstance(metadata, ArrayV3Metadata) or shards is None:
        raise TypeError(f"{array.store_path} is not sharded")
    if values.shape != (rows, *array.shape[1:]):
        raise ValueError(f"{array.store_path}: values of shape {values.shape} for {rows} rows of shape {array.shape}")
    (sharding,) = (codec for codec in metadata.codecs if isinstance(codec, ShardingCodec))
    spec = ArraySpec(chunks, metadata.data_type, metadata.fill_value, array.async_array.config, _PROTOTYPE)
    counts = tuple(whole // part for whole, part in zip(shards, chunks, strict=True))
    index = np.full((*counts, 2), NO_CHUNK, "<u8")
    parts: list[Any] = []
    begin = 0
    for place in _in_order(counts):
        found = values[tuple(slice(at * size, (at + 1) * size) for at, size in zip(place, chunks, strict=True))]
        if not found.size or (leave_out_empty and (found == metadata.fill_value).all()):
            continue  # the last shard of an array has places of which no value is
        parts.append(_encoded(_filled(found, spec), sharding.codecs, spec))
        index[place] = begin, len(parts[-1])
        begin += len(parts[-1])
    if not parts:
        return b""
    of_index = ArraySpec(index.shape, metadata.data_type, 0, spec.config, _PROTOTYPE)
    return b"".join([*parts, _encoded(index, sharding.index_codecs, of_index)])


def _filled(found: npt.NDArray[Any], spec: ArraySpec) -> npt.NDArray[Any]:
    """Return a whole chunk, with fill values where there are no others."""
    if found.shape == spec.shape:
        return np.ascontiguousarray(found)
    chunk = np.full(spec.shape, spec.fill_value, found.dtype)
    chunk[tuple(map(slice, found.shape))] = found
    return chunk


def _encoded(chunk: npt.NDArray[Any], codecs: Sequence[Any], spec: ArraySpec) -> Any:
    """Return the bytes of a chunk, through its codecs in turn."""
    encoded: Any = _PROTOTYPE.nd_buffer.from_numpy_array(chunk)
    for codec in codecs:
        encoded = _through(codec, encoded, spec)
    return encoded.as_buffer_like()


def _through(codec: Any, part: Any, spec: ArraySpec) -> Any:
    """Encode with one codec: in this thread if it can, because the public way starts one for each chunk."""
    if (here := getattr(codec, IN_THIS_THREAD, None)) is not None:
        return here(part, spec)
    (encoded,) = sync(codec.encode([(part, spec)]))
    return encoded


@lru_cache(maxsize=64)
def _in_order(counts: Place) -> list[Place]:
    """Return the places of chunks in the order in which Zarr writes them: Morton's, of interleaved bits."""
    return sorted(product(*map(range, counts)), key=_morton)


def _morton(place: Place) -> int:
    bits = range(max(place).bit_length())
    return sum((at >> bit & 1) << (bit * len(place) + axis) for bit in bits for axis, at in enumerate(place))
