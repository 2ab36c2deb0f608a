"""SDSS frames from `.fits.bz2` to `frames.zarr`, against decompressing the same files."""

import bz2
import io
from functools import partial
from pathlib import Path

import numpy as np
from astropy.io import fits

from benchmarks.data import Data, of_fields
from benchmarks.pipeline import on_disk, ready
from benchmarks.rows import Row, Side
from survey_batch.config.job import Job
from survey_batch.planning.plan import make_plan
from survey_batch.store.products import open_group, stored
from survey_batch.surveys.sdss.columns import FIELD
from survey_batch.surveys.sdss.files import FieldKey, frame_path

AIM = 0.75
FIELDS = 2
"""The first fields of the catalogue; a shard is one field of five frames."""


def frame_files(data: Data, job: Job) -> list[Path]:
    """The frames of a job as they lie in the archive, field after field."""
    fields = make_plan(job).fields
    keys = [FieldKey(*key) for key in zip(*(fields[name].to_pylist() for name in FIELD), strict=True)]
    paths = (data.sdss / frame_path(key, band) for key in keys for band in data.bands)
    return [path for path in paths if path.exists()]


def decompress(files: list[bytes]) -> None:
    """Decompress some files."""
    for raw in files:
        bz2.decompress(raw)


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    data = of_fields(data, FIELDS, scratch / "sources.csv")
    job = data.images("frames", scratch / "frames")
    paths, bands = frame_files(data, job), len(data.bands)
    files = [path.read_bytes() for path in paths]
    parts = [files[start : start + bands] for start in range(0, len(files), bands)]
    return Row(
        "frame of 2048 x 1489 pixels",
        len(files),
        Side(f"{len(files)} SDSS frames from .bz2 to frames.zarr", lambda: ready(job)),
        Side("bz2.decompress", lambda: [partial(decompress, part) for part in parts]),
        aim=AIM,
        notes=lambda _: [f"{same_pixels(job, paths[0])}; {on_disk(job)}"],
    )


def same_pixels(job: Job, path: Path) -> str:
    """Compare the pixels of the first frame with what astropy reads; raise RuntimeError if they differ."""
    ours = np.asarray(stored(open_group(job.output, "frames"), "image")[0, 0])
    with fits.open(io.BytesIO(bz2.decompress(path.read_bytes()))) as file:
        if not np.array_equal(ours, file[0].data):
            raise RuntimeError(f"frames.zarr has other pixels than {path}")
    return "the first frame's pixels are those of its file"
