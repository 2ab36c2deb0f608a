"""An order that depends only on each name and a seed, not on the order of the rows."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_CHUNK = 1 << 16


def hashes(names: pa.Array | pa.ChunkedArray, seed: int) -> npt.NDArray[np.uint64]:
    """Hash each name with the seed, to 64 bits of BLAKE2b.

    Parameters
    ----------
    names
        Text without nulls. Python objects exist for only a few thousand names at a time.
    seed
        Another seed gives another order.
    """
    parts = [
        np.frombuffer(b"".join(_digests(names.slice(first, _CHUNK).to_pylist(), seed)), dtype=">u8")
        for first in range(0, len(names), _CHUNK)
    ]
    return np.concatenate(parts).astype(np.uint64) if parts else np.empty(0, np.uint64)


def _digests(names: Iterable[str], seed: int) -> list[bytes]:
    return [blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
