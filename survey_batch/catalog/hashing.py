"""An order that depends only on each name and a seed, not on the order of the rows."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.catalog.gather import room

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
    found = room(len(names), np.uint64)
    for first in range(0, len(names), _CHUNK):
        digests = _digests(names.slice(first, _CHUNK).to_pylist(), seed)
        found[first : first + _CHUNK] = np.frombuffer(b"".join(digests), dtype=">u8")
    return found


def _digests(names: Iterable[str], seed: int) -> list[bytes]:
    return [blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
