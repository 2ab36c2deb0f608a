"""Parts of shards, decoded by Zarr's own codecs in the thread that asks for them.

Zarr hands each chunk to a thread for each codec, which costs more than decoding it. Here each chunk goes straight to
where its values belong. What is not as it should be (a file that is missing, or a chunk that cannot be decoded) is left
to Zarr, which knows what to say of it.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import zarr
from numcodecs import blosc
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, ShardingCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.core.sync import sync
from zarr.storage import LocalStore, WrapperStore

Part = int | slice
Span = tuple[int, int]
"""Begin and end along one axis."""

Read = Callable[[int, int], Any]
"""Reads some bytes of a file, from an offset on; a negative one counts from the end."""

NO_CHUNK = np.uint64(2**64 - 1)
"""What the index of a shard says of a chunk that is left out (sharding codec of Zarr v3)."""

OF_DAMAGE = (ValueError, RuntimeError, LookupError, TypeError, ArithmeticError, OSError)
"""Errors of Zarr and its codecs on bytes that are not what was written. A network's errors are among the OSErrors, and
are told from those of a disk by their number."""

_OF_INDEX, _CHECKSUM_BYTES = [BytesCodec(endian="little"), Crc32cCodec()], 4
"""Codecs of an index, and the bytes that the second one adds."""

_PROTOTYPE = default_buffer_prototype()

IN_THIS_THREAD = "_decode_sync"
"""A method of Zarr's codecs that is not public; where one lacks it, Zarr itself reads."""


class _Layout(NamedTuple):
    """How the shards of an array are made."""

    codecs: Sequence[Any]
    """Of a chunk, the last one first."""
    spec: ArraySpec
    """Of a chunk."""
    counts: tuple[int, ...]
    """Chunks of a shard along each axis."""


def read_part(array: zarr.Array[Any], *where: Part) -> npt.NDArray[Any]:
    """Read a part of an array, as `array[where]` does.

    Parameters
    ----------
    array
        Of a product.
    where
        Indices, not negative, and slices of step 1 along the first axes.
    """
    layout = _layout_of(array)
    found = None if layout is None else _read_here(array, layout, where)
    return np.asarray(array[where or ...]) if found is None else found


def _layout_of(array: zarr.Array[Any]) -> _Layout | None:
    """Describe shards of numbers; None if they are laid out in a way that is unknown here."""
    metadata = array.metadata
    codecs = metadata.codecs if isinstance(metadata, ArrayV3Metadata) else ()
    if array.dtype.kind not in "biufc" or array.shards is None or len(codecs) != 1:
        return None
    if not isinstance(sharding := codecs[0], ShardingCodec):
        return None
    # Such settings are enumerations up to Zarr 3.1, and text since.
    if not str(sharding.index_location).endswith("end") or list(sharding.index_codecs) != _OF_INDEX:
        return None
    if not all(hasattr(codec, IN_THIS_THREAD) for codec in (*sharding.codecs, *_OF_INDEX)):
        return None
    known: Any = metadata
    spec = ArraySpec(array.chunks, known.data_type, known.fill_value, array.async_array.config, _PROTOTYPE)
    counts = tuple(whole // part for whole, part in zip(array.shards, array.chunks, strict=True))
    return _Layout(sharding.codecs[::-1], spec, counts)


def _read_here(array: zarr.Array[Any], layout: _Layout, where: tuple[Part, ...]) -> npt.NDArray[Any] | None:
    """Read a part; None where Zarr must."""
    sizes: Any = array.shards
    axes = (*where, *[slice(None)] * (array.ndim - len(where)))
    spans = [_span(part, length) for part, length in zip(axes, array.shape, strict=True)]
    shards = list(product(*map(_touched, spans, sizes)))
    folder = _folder(array)
    if folder is None and (len(shards) != 1 or not _is_whole(spans, shards[0], sizes, array.shape)):
        return None  # Zarr asks a server for the chunks that are needed, at the same time
    found = np.empty([end - begin for begin, end in spans], array.dtype)
    for shard in shards:
        key = array.metadata.encode_chunk_key(shard)
        begins = [at * size for at, size in zip(shard, sizes, strict=True)]
        got = None if folder else _from_server(array, key)
        with ExitStack() as files:
            try:
                _decode(_from_disk(folder / key, files) if folder else got, layout, begins, spans, found)
            except OF_DAMAGE:
                return None
    return found[tuple(0 if isinstance(part, int) else slice(None) for part in axes)]


def _span(part: Part, length: int) -> Span:
    if isinstance(part, slice):
        begin, end, _ = part.indices(length)
        return begin, max(begin, end)
    if not 0 <= part < length:
        raise IndexError(part)
    return int(part), int(part) + 1


def _touched(span: Span, size: int) -> range:
    """Return which parts of `size` along an axis hold a span."""
    begin, end = span
    return range(begin // size, -(-end // size) if end > begin else begin // size)


def _is_whole(spans: Sequence[Span], shard: tuple[int, ...], sizes: Sequence[int], shape: Sequence[int]) -> bool:
    """Tell whether spans are all that a shard holds."""
    return all(
        span == (at * size, min((at + 1) * size, length))
        for span, at, size, length in zip(spans, shard, sizes, shape, strict=True)
    )


def _folder(array: zarr.Array[Any]) -> Path | None:
    """Return where the array is on a disk."""
    store: Any = array.store_path.store
    while isinstance(store, WrapperStore):
        store = store._store  # noqa: SLF001
    return store.root / array.store_path.path if isinstance(store, LocalStore) else None


def _from_disk(path: Path, files: ExitStack) -> Read:
    file = files.enter_context(path.open("rb", buffering=0)).fileno()
    size = os.fstat(file).st_size

    def read(begin: int, length: int) -> Any:
        begin = begin if begin >= 0 else size + begin
        if not 0 <= begin <= size - length:
            raise LookupError(f"{path.name} has {size} bytes")
        return _PROTOTYPE.buffer.from_bytes(os.pread(file, length, begin))

    return read


def _from_server(array: zarr.Array[Any], key: str) -> Read | None:
    """Get a whole file at once; None if it is not there and need not be."""
    raw = sync((array.store_path / key).get(_PROTOTYPE))
    if raw is None:
        return None

    def read(begin: int, length: int) -> Any:
        begin = begin if begin >= 0 else len(raw) + begin
        if not 0 <= begin <= len(raw) - length:
            raise LookupError(f"{key} has {len(raw)} bytes")
        return raw[begin : begin + length]

    return read


def _decode(read: Read | None, layout: _Layout, begins: Sequence[int], spans: Sequence[Span], found: Any) -> None:
    """Decode what is wanted of a shard to where it belongs; fill values if there is no file."""
    index = np.full((*layout.counts, 2), NO_CHUNK, "<u8")
    if read is not None:
        length = index.nbytes + _CHECKSUM_BYTES
        checked = _back(_OF_INDEX[1], read(-length, length), layout.spec)
        index = checked.as_numpy_array().view(index.dtype).reshape(index.shape)
    sizes = layout.spec.shape
    inside = [
        (max(begin - first, 0), min(end - first, size * count))
        for (begin, end), first, size, count in zip(spans, begins, sizes, layout.counts, strict=True)
    ]
    for place in product(*map(_touched, inside, sizes)):
        firsts = [begin + at * size for begin, at, size in zip(begins, place, sizes, strict=True)]
        target, part = _meeting(found, spans, firsts, sizes)
        offset, length = map(int, index[place])
        if read is None or offset == NO_CHUNK:
            target[...] = layout.spec.fill_value
        else:
            _decode_to(target, part, read(offset, length), layout)


def _meeting(
    found: npt.NDArray[Any], spans: Sequence[Span], firsts: Sequence[int], sizes: Sequence[int]
) -> tuple[npt.NDArray[Any], tuple[slice, ...]]:
    """Return the place in `found` of what is wanted of a chunk, and which part of the chunk it is."""
    into, out_of = [], []
    for (begin, end), first, size in zip(spans, firsts, sizes, strict=True):
        low, high = max(begin, first), min(end, first + size)
        into.append(slice(low - begin, high - begin))
        out_of.append(slice(low - first, high - first))
    return found[tuple(into)], tuple(out_of)


def _decode_to(target: npt.NDArray[Any], part: tuple[slice, ...], raw: Any, layout: _Layout) -> None:
    """Decode a chunk, of which a part is wanted."""
    codecs = layout.codecs
    for codec in codecs[:-1]:
        last = codec is codecs[-2] and isinstance(codec, BloscCodec) and target.shape == layout.spec.shape
        if last and _is_as_stored(target, raw.as_numpy_array(), codecs[-1]):
            blosc.decompress(raw.as_numpy_array(), target)
            return
        raw = _back(codec, raw, layout.spec)
    target[...] = _back(codecs[-1], raw, layout.spec).as_numpy_array()[part]


def _back(codec: Any, part: Any, spec: ArraySpec) -> Any:
    """Decode with one codec."""
    return getattr(codec, IN_THIS_THREAD)(part, spec)


def _is_as_stored(target: npt.NDArray[Any], packed: npt.NDArray[np.uint8], codec: Any) -> bool:
    """Tell whether the bytes that Blosc unpacks are those of the values in memory, all of them and no others."""
    native = target.dtype.isnative and isinstance(codec, BytesCodec)
    native = native and (codec.endian is None or str(codec.endian).endswith(sys.byteorder))
    size = int.from_bytes(packed[4:8], "little")  # in the header of Blosc 1: bytes when unpacked
    return native and target.flags.c_contiguous and size == target.nbytes
