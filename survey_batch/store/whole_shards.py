"""Shards that are read or written whole: each chunk goes through Zarr's own codecs, and the file is got or put at once.

Zarr reads a shard before it writes into it, so that what is not written stays. Ours are written whole: what is there
does not matter, not even if it is damaged, and an object store need not be asked for it. Zarr also copies the whole
shard and hands each chunk to a thread for each codec, which costs as much as the codec. The files are the same, and so
are the values that are read.
"""

import sys
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync
from zarr.storage import StorePath

from survey_batch.store.schema import Shard

Place = tuple[int, ...]
"""Where a chunk is in its shard, counted in chunks along each axis."""

_NO_CHUNK = np.uint64(2**64 - 1)
"""What the index of a shard says of a chunk that is left out (sharding codec of Zarr v3)."""

_OF_INDEX, _CHECKSUM_BYTES = [BytesCodec(endian="little"), Crc32cCodec()], 4
"""Codecs of an index, and the bytes that the second one adds."""

_PROTOTYPE = default_buffer_prototype()

IN_THIS_THREAD, BACK_IN_THIS_THREAD = "_encode_sync", "_decode_sync"
"""Methods of Zarr's codecs that are not public; where one lacks them, the public way does the same more slowly."""

_OF_CODECS = (ValueError, RuntimeError, LookupError, TypeError, ArithmeticError)
"""Errors of codecs on bytes that are not what was written."""


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
    place = _file_of(array, shard.index)
    raw = encode_whole(array, values, len(shard), leave_out_empty=leave_out_empty)
    if _in_this_thread(array):
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
    index = np.full((*counts, 2), _NO_CHUNK, "<u8")
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


def read_values(array: zarr.Array[Any], rows: slice) -> npt.NDArray[Any]:
    """Read some rows of an array: whole shards of numbers in this thread, chunk by chunk to where they belong.

    All else is left to Zarr, and so is what cannot be decoded, because its error says why.
    """
    found = read_shards(array, rows)
    return np.asarray(array[rows]) if found is None else found


def read_shards(array: zarr.Array[Any], rows: slice) -> npt.NDArray[Any] | None:
    """Read whole shards, as `read_values` does; None where something else must, which says why if it cannot either."""
    if array.shards is None or array.dtype.kind not in "biufc" or not (codecs := _backwards(array)):
        return None
    (size, *others), (start, stop, step) = array.shards, rows.indices(array.shape[0])
    whole = start % size == 0 and (stop % size == 0 or stop == array.shape[0])
    if step != 1 or start >= stop or not whole or any(map(int.__lt__, others, array.shape[1:])):
        return None
    here = _in_this_thread(array)
    if not here and stop - start > size:
        return None  # Zarr asks a server for several shards at a time
    values = np.empty((stop - start, *array.shape[1:]), array.dtype)
    for first in range(start, stop, size):
        place = _file_of(array, first // size)
        raw = place.get_sync(prototype=_PROTOTYPE) if here else sync(place.get(_PROTOTYPE))
        try:
            _decode_whole(array, raw, codecs, values[first - start : first - start + size])
        except _OF_CODECS:
            return None
    return values


def _in_this_thread(array: zarr.Array[Any]) -> bool:
    """Tell whether the files of an array need not go through Zarr's own thread, which costs more than a small file."""
    return bool(getattr(array.store_path.store, "in_this_thread", False))


def _file_of(array: zarr.Array[Any], shard: int) -> StorePath:
    """Return where a shard is stored."""
    return array.store_path / array.metadata.encode_chunk_key((shard, *[0] * (array.ndim - 1)))


def _backwards(array: zarr.Array[Any]) -> Sequence[Any]:
    """Return the codecs of a chunk, the last one first; none if the file is laid out in a way that is unknown here."""
    codecs = array.metadata.codecs if isinstance(array.metadata, ArrayV3Metadata) else ()
    if len(codecs) != 1 or not isinstance(codecs[0], ShardingCodec):
        return ()
    # Such settings are enumerations up to Zarr 3.1, and text since.
    inner, of_index = codecs[0].codecs, codecs[0].index_codecs
    if not str(codecs[0].index_location).endswith("end") or list(of_index) != _OF_INDEX:
        return ()
    return inner[::-1] if all(hasattr(codec, BACK_IN_THIS_THREAD) for codec in (*inner, *of_index)) else ()


def _decode_whole(array: zarr.Array[Any], raw: Any, codecs: Sequence[Any], values: npt.NDArray[Any]) -> None:
    """Decode a shard's file to where its values belong; they are fill values if there is no file."""
    metadata: Any = array.metadata
    counts = tuple(whole // part for whole, part in zip(array.shards or (), array.chunks, strict=True))
    spec = ArraySpec(array.chunks, metadata.data_type, metadata.fill_value, array.async_array.config, _PROTOTYPE)
    index = np.full((*counts, 2), _NO_CHUNK, "<u8")
    if raw is not None:
        checked = _back(_OF_INDEX[1], raw[-index.nbytes - _CHECKSUM_BYTES :], spec)
        index = checked.as_numpy_array().view(index.dtype).reshape(index.shape)
    for place in _in_order(counts):
        target = values[tuple(slice(at * size, (at + 1) * size) for at, size in zip(place, array.chunks, strict=True))]
        begin, length = map(int, index[place])
        if begin == _NO_CHUNK:
            target[...] = metadata.fill_value
        elif target.size:
            _decode_to(target, raw[begin : begin + length], codecs, spec)


def _decode_to(target: npt.NDArray[Any], part: Any, codecs: Sequence[Any], spec: ArraySpec) -> None:
    """Decode a chunk to where its values belong."""
    for codec in codecs[:-1]:
        last = codec is codecs[-2] and isinstance(codec, BloscCodec)
        if last and _is_as_stored(target, part.as_numpy_array(), codecs[-1]):
            blosc.decompress(part.as_numpy_array(), target)
            return
        part = _back(codec, part, spec)
    found = _back(codecs[-1], part, spec).as_numpy_array()
    target[...] = found[tuple(map(slice, target.shape))]


def _back(codec: Any, part: Any, spec: ArraySpec) -> Any:
    """Decode with one codec."""
    return getattr(codec, BACK_IN_THIS_THREAD)(part, spec)


def _is_as_stored(target: npt.NDArray[Any], packed: npt.NDArray[np.uint8], codec: Any) -> bool:
    """Tell whether the bytes that Blosc unpacks are those of the values in memory, all of them and no others."""
    native = target.dtype.isnative and isinstance(codec, BytesCodec)
    native = native and (codec.endian is None or str(codec.endian).endswith(sys.byteorder))
    size = int.from_bytes(packed[4:8], "little")  # in the header of Blosc 1: bytes when unpacked
    return native and target.flags.c_contiguous and size == target.nbytes
