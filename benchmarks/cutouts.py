"""SDSS objects from `.fits.bz2` to `cutouts.zarr`, against decompressing the frames and slicing their pixels."""

import bz2
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.data import Data
from benchmarks.pipeline import make_job, ready, stored_share
from benchmarks.timing import Row
from survey_batch.images.wcs import sky_to_pixel
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import Rows, to_numpy
from survey_batch.stages.cutting import by_field
from survey_batch.surveys.sdss.columns import FIELD
from survey_batch.surveys.sdss.files import FRAME_SHAPE, FieldKey, frame_path, read_frame

SIZE = 64
AIM = 300 / 430
"""300 cutouts per CPU-second where the floor makes 430."""

BLOCK = 2880
"""Bytes of a FITS block; the pixels begin after the one that holds the header's END card."""


@dataclass(frozen=True)
class Windows:
    """One frame file, and the first pixels of the windows to slice out of it: (n,) each."""

    raw: bytes
    begin: int
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]

    def slice(self) -> None:
        """Decompress the frame and copy each window."""
        pixels = np.frombuffer(bz2.decompress(self.raw), ">f4", FRAME_SHAPE[0] * FRAME_SHAPE[1], self.begin)
        image = pixels.reshape(FRAME_SHAPE)
        windows = np.empty((len(self.x), SIZE, SIZE), np.float32)
        for window, x, y in zip(windows, self.x, self.y, strict=True):
            window[...] = image[y : y + SIZE, x : x + SIZE]


def find_windows(data: Data, objects: Rows) -> list[Windows]:
    """Find all windows beforehand, moved to where they are whole: the floor slices and does nothing else."""
    found = []
    for number, members in by_field(FIELD, objects):
        key = FieldKey(*number)
        for band in "ugriz":
            path = data.sdss / frame_path(key, band)
            if not path.exists():
                continue
            raw = path.read_bytes()
            whole = bz2.decompress(raw)
            wcs = read_frame(whole, key, band).wcs
            x, y = (
                (position - SIZE // 2).clip(0, length - SIZE).astype(np.int64)
                for position, length in zip(
                    sky_to_pixel(wcs, objects["ra"][members], objects["dec"][members]), FRAME_SHAPE[::-1], strict=True
                )
            )
            end = whole.find(b"END".ljust(80))
            found.append(Windows(raw, -(-(end + 80) // BLOCK) * BLOCK, x, y))
    return found


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    job = make_job(
        "cutouts",
        {"survey": "sdss", "root": str(data.sdss)},
        {"path": str(data.sources)},
        scratch / "cutouts",
        frames={"keep": False},
        cutouts={"size": SIZE},
    )
    table = make_plan(job).objects
    windows = find_windows(data, {name: to_numpy(table[name]) for name in table.column_names})

    return Row(
        f"{table.num_rows} SDSS objects in up to 5 bands, bz2 to cutouts.zarr; floor: bz2.decompress and slicing",
        "cutouts",
        sum(len(one.x) for one in windows),
        [one.slice for one in windows],
        lambda: ready(job),
        AIM,
        lambda: stored_share(job),
    )
