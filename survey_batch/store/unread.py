"""Arrays that are written without being read.

Zarr reads a shard before it writes into it, so that what is not written stays. Our shards are written whole: what is
there does not matter, not even if it is damaged, and an object store need not be asked for it.
"""

from typing import Any

import zarr
from zarr.abc.store import Store
from zarr.core.buffer import Buffer
from zarr.storage import StorePath, WrapperStore


class _UnreadStore(WrapperStore[Store]):
    """Files that seem not to be there; it remembers what it wrote last."""

    written: Buffer | None = None

    async def set(self, key: str, value: Buffer) -> None:
        self.written = value
        await super().set(key, value)

    async def get(self, *_: Any, **__: Any) -> None:
        return None

    def get_sync(self, *_: Any, **__: Any) -> None:
        """Do the same in this thread, as Zarr asks for it from version 3.2 on."""
        return


def unread(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array of which whole shards, and nothing less, may be written; `written_to` says what was."""
    path = StorePath(_UnreadStore(array.store), array.path)
    return zarr.Array(zarr.AsyncArray(metadata=array.metadata, store_path=path, config=array.async_array.config))


def written_to(array: zarr.Array[Any]) -> bytes:
    """Return the bytes of the file that was written last to an array made by `unread`; none if none was."""
    buffer = getattr(array.store, "written", None)
    return b"" if buffer is None else bytes(buffer.to_bytes())
