"""SDSS frames from `.fits.bz2` to `frames.zarr`, against decompressing the same files."""

import bz2
import io
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.data import Data
from benchmarks.pipeline import on_disk, ready
from benchmarks.rows import Row, Side
from survey_batch.config.job import Job
from survey_batch.store.products import open_group, stored

AIM = 0.75
FIELDS = 5
"""The frames are those of five fields, and a shard is one field."""


def frame_files(data: Data) -> list[Path]:
    """All frames as they lie in the archive, field after field."""
    return sorted(data.sdss.rglob("frame-*.fits.bz2"), key=lambda path: path.name.split("-")[2:])


def decompress(files: list[bytes]) -> None:
    """Decompress some files."""
    for raw in files:
        bz2.decompress(raw)


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    files = [path.read_bytes() for path in frame_files(data)]
    job = data.images("frames", scratch / "frames")
    return Row(
        "frame of 2048 x 1489 pixels",
        len(files),
        Side(f"{len(files)} SDSS frames from .bz2 to frames.zarr", lambda: ready(job)),
        Side("bz2.decompress", lambda: [partial(decompress, files[part::FIELDS]) for part in range(FIELDS)]),
        aim=AIM,
        notes=lambda _: [f"{same_pixels(job, data)}; {on_disk(job)}"],
    )


def same_pixels(job: Job, data: Data) -> str:
    """Compare the first frame's pixels with those that astropy reads; raise RuntimeError if they differ."""
    path = next(path for path in frame_files(data) if f"-{data.bands[0]}-" in path.name)
    ours = np.asarray(stored(open_group(job.output, "frames"), "image")[0, 0])
    with fits.open(io.BytesIO(bz2.decompress(path.read_bytes()))) as file:
        if not np.array_equal(ours, file[0].data):
            raise RuntimeError(f"frames.zarr has other pixels than {path}")
    return "the first frame's pixels are those of its file"
