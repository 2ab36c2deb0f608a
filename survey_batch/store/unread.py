"""Arrays that are written without being read.

Zarr reads a shard before it writes into it, so that what is not written stays. Our shards are written whole: what is
there does not matter, not even if it is damaged, and an object store need not be asked for it.
"""

from typing import Any

import zarr
from zarr.abc.store import Store
from zarr.storage import StorePath, WrapperStore


class _UnreadStore(WrapperStore[Store]):
    """Files that seem not to be there."""

    async def get(self, *_: Any, **__: Any) -> None:
        return None

    def get_sync(self, *_: Any, **__: Any) -> None:
        """Do the same in this thread, as Zarr asks for it from version 3.2 on."""
        return


def unread(array: zarr.Array[Any]) -> zarr.Array[Any]:
    """Return an array of which whole shards, and nothing less, may be written."""
    path = StorePath(_UnreadStore(array.store), array.path)
    return zarr.Array(zarr.AsyncArray(metadata=array.metadata, store_path=path, config=array.async_array.config))
