"""All statuses of a product in an object store, without a request for each shard.

A shard's statuses are one object of about a hundred bytes, its mark. A listing, with a thousand objects to a request,
shows each object's ETag, which is the MD5 of its bytes. So a mark whose bytes are known from elsewhere, from the worker
that wrote it or from an earlier look, need not be read again. `progress.parquet` holds the bytes of known marks and
nothing else. It cannot be out of date, nor belong to another product: a mark counts only if the store itself, at this
moment, shows the MD5 of its bytes. What the file lacks is read from the shards, so it may be cut short, old, or gone.
Where an ETag is something else (encrypted buckets, other stores), all marks are read.

Files in a folder are read as they are: to look at one takes as long as to read it.
"""

import hashlib
import logging
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import zarr
from fsspec.core import url_to_fs
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import StorePath, WrapperStore

from survey_batch.core.paths import files_in, is_url, join
from survey_batch.store.damage import read_array
from survey_batch.store.schema import Array
from survey_batch.store.small_files import DamagedFileError, read_table, write_table
from survey_batch.store.strict import STATUS

log = logging.getLogger(__name__)

PROGRESS = "progress.parquet"
"""The bytes of the marks that the last run knew."""

SCHEMA = pa.schema([("mark", pa.binary())])

Known = dict[str, bytes]
"""Bytes of marks by their MD5."""

_known: dict[str, Known] = {}  # by output; read once in each process
_read: dict[tuple[str, str], tuple[Mapping[str, str], Array]] = {}  # the last listing of a product, and its statuses


def etag_of(raw: bytes) -> str:
    """Return the ETag that S3 gives to an object."""
    return hashlib.md5(raw, usedforsecurity=False).hexdigest()


def known_marks(output: str) -> Known:
    """Return the marks of an output that this process knows, by ETag; what is added to them is known from then on."""
    if output not in _known:
        _known[output] = _stored(output)
    return _known[output]


def _stored(output: str) -> Known:
    try:
        table = read_table(join(output, PROGRESS), SCHEMA)
    except FileNotFoundError:
        return {}
    except DamagedFileError as error:
        log.warning("%s; until then the statuses are read shard by shard", error)
        return {}
    return {etag_of(raw): raw for raw in table["mark"].to_pylist()}


def forget_marks() -> None:
    """Forget all marks, as another process would not know them."""
    _known.clear()
    _read.clear()


def marks_there(output: str) -> set[str]:
    """Return the ETags of all marks that an output's products have now."""
    names = [path.rpartition("/")[2].removesuffix(".zarr") for path in files_in(output, ".zarr")]
    return {etag for name in names for etag in listed_marks(output, name).values()}


def store_marks(output: str, etags: Collection[str] | None = None) -> int:
    """Write `progress.parquet`, whole or not at all, and return how many marks it holds.

    Only the holder of the output's lock does so.

    Parameters
    ----------
    output
        Folder or URL of the products.
    etags
        Marks to keep; others are forgotten. By default all that are known are kept.
    """
    known = known_marks(output)
    for etag in () if etags is None else known.keys() - set(etags):
        del known[etag]
    write_table(join(output, PROGRESS), pa.table({"mark": list(known.values())}, schema=SCHEMA), compression="zstd")
    return len(known)


def read_marks(output: str, product: str, group: zarr.Group) -> Array:
    """Read all statuses of a product; raise DamagedError as `read_array` does."""
    if not is_url(output):
        return read_array(group, STATUS)
    listed, known = listed_marks(output, product), known_marks(output)
    before, statuses = _read.get((output, product), ({}, np.zeros(0)))
    if not listed or before != listed or not known.keys() >= set(listed.values()):  # else each is what it was
        path = StorePath(_KnownStore(group.store, known, listed), group.path)
        statuses = read_array(zarr.Group(zarr.AsyncGroup(metadata=group.metadata, store_path=path)), STATUS)
        _read[output, product] = listed, statuses
    return statuses.copy()


def listed_marks(output: str, product: str) -> dict[str, str]:
    """List the marks of a product that are there: key below the product, and ETag."""
    filesystem, inside = url_to_fs(join(output, f"{product}.zarr", STATUS, "c"))
    filesystem.invalidate_cache()
    found: Mapping[str, Any] = filesystem.find(inside, detail=True)
    tags = {path[len(inside) :]: str(about.get("ETag", "")).strip('"') for path, about in found.items()}
    return {f"{STATUS}/c{key}": tag for key, tag in tags.items()}


class _KnownStore(WrapperStore[Store]):
    """A product's files, of which marks are read only if they are there and not known."""

    def __init__(self, store: Store, known: Known, listed: Mapping[str, str]) -> None:
        super().__init__(store)
        self.known, self.listed = known, listed
        self.layout = getattr(store, "layout", None)  # says which product is damaged

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Get a file's bytes."""
        prototype = prototype or default_buffer_prototype()
        if not key.startswith(f"{STATUS}/c/") or byte_range is not None:
            return await self._store.get(key, prototype, byte_range)
        if (etag := self.listed.get(key)) is None:
            return None
        if (raw := self.known.get(etag)) is not None:
            return prototype.buffer.from_bytes(raw)
        if (value := await self._store.get(key, prototype)) is not None:
            self.known[etag_of(value.to_bytes())] = value.to_bytes()
        return value
