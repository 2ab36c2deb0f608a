"""A product's files in which a lost chunk is an error.

Zarr gives fill values for a chunk that is not there. In a product that is right for the shards that no run has written
yet, and for no others: all arrays of a shard are written before its statuses, also where they hold nothing but fill
values, and the statuses of a shard whose rows are all `pending` have no file. So a chunk may be missing only if the
statuses of its shard are missing too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import zarr
from zarr.abc.store import ByteRequest, Store
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.core.metadata import ArrayV3Metadata
from zarr.storage import StorePath, WrapperStore

from survey_batch.store.codecs import is_checked, is_sharded
from survey_batch.store.damage import Damage, DamagedError

STATUS = "status"


@dataclass(frozen=True)
class Layout:
    """What the arrays of a product say about its files; arrays of earlier versions, without checksums, are left out.

    Attributes
    ----------
    output, product : str
    rows, shard_rows, status_dims : int
        Length of the axis, rows in a shard, and dimensions of `status`.
    sharded, fixed : frozenset of str
        Arrays that shards write, and those that were written when the product was created.
    """

    output: str
    product: str
    rows: int
    shard_rows: int
    status_dims: int
    sharded: frozenset[str]
    fixed: frozenset[str]

    @classmethod
    def of(cls, output: str, product: str, arrays: Mapping[str, ArrayV3Metadata]) -> "Layout | None":
        """Find the layout; None if the product's creation was cut short."""
        status = arrays.get(STATUS)
        if status is None:
            return None
        checked = {name: is_sharded(metadata) for name, metadata in arrays.items() if is_checked(metadata)}
        return cls(
            output,
            product,
            status.shape[0],
            int(status.chunk_grid.chunk_shape[0]),  # type: ignore[attr-defined]
            len(status.shape),
            frozenset(name for name, sharded in checked.items() if sharded and name != STATUS),
            frozenset(name for name, sharded in checked.items() if not sharded),
        )

    def mark_of(self, key: str) -> str | None:
        """Return the key of the statuses that say whether a chunk was written; None if the chunk needs no such mark."""
        array, _, place = key.partition("/c/")
        if array not in self.sharded:
            return None
        return "/".join([STATUS, "c", place.split("/")[0], *["0"] * (self.status_dims - 1)])

    def damage(self, key: str, what: str) -> Damage:
        """Say which part of the product a file holds."""
        array, _, place = key.partition("/c/")
        if array in self.fixed:
            return Damage(self.product, array, None, what=what)
        shard = int(place.split("/")[0])
        start = shard * self.shard_rows
        return Damage(self.product, array, shard, start, min(start + self.shard_rows, self.rows), what)


class StrictStore(WrapperStore[Store]):
    """The files of a product, of which none may be missing or empty that was written.

    Parameters
    ----------
    store
        The files.
    layout
        What they are.
    """

    def __init__(self, store: Store, layout: Layout) -> None:
        super().__init__(store)
        self.layout = layout

    def _with_store(self, store: Store) -> "StrictStore":
        return StrictStore(store, self.layout)

    @property
    def in_this_thread(self) -> bool:
        """Whether files can be got, put and deleted in this thread: as Zarr asks for it from version 3.2 on."""
        return all(hasattr(self._store, method) for method in ("get_sync", "set_sync", "delete_sync"))

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Get a file's bytes; raise DamagedError if they are lost."""
        prototype = prototype or default_buffer_prototype()
        value = await self._store.get(key, prototype, byte_range)
        if self._doubtful(key, value):
            mark = self.layout.mark_of(key)
            # The mark is a few bytes, and s3fs needs two requests to say that something does not exist.
            self._judge(key, value, written=mark is None or await self._store.get(mark, prototype) is not None)
        return value

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Do the same in this thread."""
        store: Any = self._store
        value: Buffer | None = store.get_sync(key, prototype=prototype, byte_range=byte_range)
        if self._doubtful(key, value):
            mark = self.layout.mark_of(key)
            self._judge(key, value, written=mark is None or store.get_sync(mark, prototype=prototype) is not None)
        return value

    def set_sync(self, key: str, value: Buffer) -> None:
        """Put a file in this thread."""
        store: Any = self._store
        store.set_sync(key, value)

    def delete_sync(self, key: str) -> None:
        """Delete a file in this thread."""
        store: Any = self._store
        store.delete_sync(key)

    def _doubtful(self, key: str, value: Buffer | None) -> bool:
        array, chunk, _ = key.partition("/c/")
        known = array in self.layout.sharded or array in self.layout.fixed or (array == STATUS and value is not None)
        return bool(chunk) and known and not value

    def _judge(self, key: str, value: Buffer | None, *, written: bool) -> None:
        if written:
            what = "its file is missing" if value is None else "its file is empty"
            raise DamagedError(self.layout.output, [self.layout.damage(key, what)])


def strict(output: str, product: str, group: zarr.Group) -> zarr.Group:
    """Return a product's group with files that must not be missing."""
    known = group.metadata.consolidated_metadata
    arrays = {
        name: found for name, found in (known.metadata if known else {}).items() if isinstance(found, ArrayV3Metadata)
    }
    if (layout := Layout.of(output, product, arrays)) is None:
        return group
    path = StorePath(StrictStore(group.store, layout), group.path)
    return zarr.Group(zarr.AsyncGroup(metadata=group.metadata, store_path=path))
