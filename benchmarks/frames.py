"""SDSS frames from `.fits.bz2` to `frames.zarr`, against decompressing the same files."""

import bz2
from functools import partial
from pathlib import Path

from benchmarks.data import Data
from benchmarks.pipeline import make_job, ready, stored_share
from benchmarks.timing import Row

AIM = 0.75
FIELDS = 5
"""The frames are those of five fields, and a shard is one field."""


def frame_files(data: Data) -> list[bytes]:
    """All frames as they lie in the archive."""
    return [path.read_bytes() for path in sorted(data.sdss.rglob("frame-*.fits.bz2"))]


def decompress(files: list[bytes]) -> None:
    """Decompress some files."""
    for raw in files:
        bz2.decompress(raw)


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    files = frame_files(data)
    job = make_job(
        "frames", {"survey": "sdss", "root": str(data.sdss)}, {"path": str(data.sources)}, scratch / "frames"
    )
    return Row(
        f"{len(files)} SDSS frames, bz2 to frames.zarr; floor: bz2.decompress",
        "frames",
        len(files),
        [partial(decompress, files[part::FIELDS]) for part in range(FIELDS)],
        lambda: ready(job),
        AIM,
        lambda: stored_share(job),
    )
