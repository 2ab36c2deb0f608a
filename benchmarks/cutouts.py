"""SDSS objects to `cutouts.zarr`: from `.fits.bz2`, and from frames that are stored, against slicing their pixels."""

import bz2
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import peers
from benchmarks.data import Data, of_fields
from benchmarks.frames import FIELDS
from benchmarks.pipeline import on_disk, ready, run_through
from benchmarks.rows import Row, Side
from benchmarks.timing import Work
from survey_batch.config.job import Job
from survey_batch.images.wcs import sky_to_pixel
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import Rows, to_numpy
from survey_batch.stages.cutting import by_field
from survey_batch.store.products import open_group, stored
from survey_batch.surveys.sdss.columns import FIELD
from survey_batch.surveys.sdss.files import FRAME_SHAPE, FieldKey, frame_path, read_frame

SIZE = 64
AIM = 300 / 430
"""300 cutouts per CPU-second where the floor makes 430."""
EACH = "cutout of 64 x 64 pixels"

BLOCK = 2880
"""Bytes of a FITS block; the pixels begin after the one that holds the header's END card."""


Pixels = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Windows:
    """What is cut from one frame.

    Attributes
    ----------
    file : Path
        The frame in the archive.
    begin : int
        Where its pixels begin, after decompressing.
    place : (int, int)
        Row and band of the frame in `frames.zarr`.
    objects : (n,) int
        Rows of the plan.
    x, y : (n,) int
        First pixels of the windows, moved to where they are whole: the floor slices and does nothing else.
    whole : (n,) bool
        Whether they need not be moved.
    """

    file: Path
    begin: int
    place: tuple[int, int]
    objects: npt.NDArray[np.int64]
    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    whole: npt.NDArray[np.bool_]

    def cut(self, image: npt.NDArray[np.generic]) -> Pixels:
        """Copy each window."""
        windows = np.empty((len(self.x), SIZE, SIZE), np.float32)
        for window, x, y in zip(windows, self.x, self.y, strict=True):
            window[...] = image[y : y + SIZE, x : x + SIZE]
        return windows

    def unpack_and_cut(self, raw: bytes) -> Pixels:
        """Decompress the frame and cut it."""
        pixels = np.frombuffer(bz2.decompress(raw), ">f4", FRAME_SHAPE[0] * FRAME_SHAPE[1], self.begin)
        return self.cut(pixels.reshape(FRAME_SHAPE))

    def read_and_cut(self, output: str) -> Pixels:
        """Read the stored frame and cut it."""
        return self.cut(np.asarray(stored(open_group(output, "frames", fresh=False), "image")[self.place]))


def find_windows(data: Data, job: Job, unpacked: Path | None = None) -> tuple[list[Windows], Rows]:
    """Find all windows, as `Cutout2D` does, and the objects; if a folder is given, write the frames to it."""
    plan = make_plan(job)
    objects = {name: to_numpy(plan.objects[name]) for name in plan.objects.column_names}
    fields = list(zip(*(plan.fields[name].to_pylist() for name in FIELD), strict=True))
    found = []
    for number, members in by_field(FIELD, objects):
        key = FieldKey(*number)
        for band in data.bands:
            path = data.sdss / frame_path(key, band)
            if not path.exists():
                continue
            content = bz2.decompress(path.read_bytes())
            if unpacked:
                (unpacked / path.stem).write_bytes(content)
            wcs = read_frame(content, key, band).wcs
            wanted = [
                np.ceil(position - SIZE / 2).astype(np.int64)
                for position in sky_to_pixel(wcs, objects["ra"][members], objects["dec"][members])
            ]
            x, y = (first.clip(0, n - SIZE) for first, n in zip(wanted, FRAME_SHAPE[::-1], strict=True))
            begin = -(-(content.find(b"END".ljust(80)) + 80) // BLOCK) * BLOCK
            whole = (x == wanted[0]) & (y == wanted[1])
            place = fields.index(tuple(number)), data.bands.index(band)
            found.append(Windows(path, begin, place, members, x, y, whole))
    return found, objects


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison of what begins with packed files."""
    data = of_fields(data, FIELDS, scratch / "sources.csv")
    job = data.images("cutouts", scratch / "cutouts", frames={"keep": False}, cutouts={"size": SIZE})
    windows, _ = find_windows(data, job)
    raw = [one.file.read_bytes() for one in windows]
    cutouts, cut = sum(len(one.x) for one in windows), list[Pixels]()

    def floor() -> list[Work]:
        cut.clear()
        return [partial(_kept, cut, one.unpack_and_cut, packed) for one, packed in zip(windows, raw, strict=True)]

    return Row(
        EACH,
        cutouts,
        Side(f"{cutouts:,} cutouts of SDSS objects, from .bz2 to cutouts.zarr", lambda: ready(job)),
        Side("bz2.decompress, and slicing the pixels", floor),
        aim=AIM,
        warm=False,
        notes=lambda _: [f"{same_windows(job, windows, cut)}; {on_disk(job)}"],
    )


def _kept(cut: list[Pixels], work: Callable[..., Pixels], argument: Any) -> None:
    cut.append(work(argument))


def stored_row(data: Data, scratch: Path) -> Row:
    """Set up the comparison of what begins with pixels that are not packed."""
    data, output = of_fields(data, FIELDS, scratch / "sources.csv"), scratch / "output"
    run_through(data.images("frames", output, frames={"keep": True}))
    job = data.images("cutouts", output, frames={"keep": True}, cutouts={"size": SIZE})
    unpacked = scratch / "unpacked"
    unpacked.mkdir()
    windows, objects = find_windows(data, job, unpacked)
    cutouts, cut = sum(len(one.x) for one in windows), list[Pixels]()
    others = peers.Peers.of(windows, objects, SIZE, unpacked)

    def floor() -> list[Work]:
        cut.clear()
        return [partial(_kept, cut, one.read_and_cut, job.output) for one in windows]

    def ours() -> peers.Made:
        flux = np.asarray(stored(open_group(job.output, "cutouts"), "flux")[:])
        return {(row, one.file.stem): flux[row, one.place[1]] for one in windows for row in one.objects.tolist()}

    return Row(
        EACH,
        cutouts,
        Side(f"{cutouts:,} cutouts of SDSS objects, from frames.zarr to cutouts.zarr", lambda: ready(job)),
        Side("reading each frame from frames.zarr, and slicing the pixels", floor),
        others.sides(),
        notes=lambda _: [
            f"{same_windows(job, windows, cut)}; {on_disk(job)}",
            "the others cut unpacked FITS files and store nothing; only cutouts that are whole are asked of them",
            *others.agreement(ours()),
        ],
    )


def same_windows(job: Job, windows: Sequence[Windows], cut: Sequence[Pixels]) -> str:
    """Compare our cutouts with the floor's where its windows are whole; raise RuntimeError if too few are equal.

    Near the first and last rows of a frame ours may come from the neighbouring field, which has other sky.
    """
    flux = np.asarray(stored(open_group(job.output, "cutouts"), "flux")[:])
    equal = count = 0
    for one, pixels in zip(windows, cut, strict=True):
        ours = flux[one.objects[one.whole], one.place[1]]
        equal += int((pixels[one.whole] == ours).all(axis=(1, 2)).sum())
        count += int(one.whole.sum())
    if equal < 0.9 * count:
        raise RuntimeError(f"only {equal:,} of {count:,} cutouts are slices of their frames")
    return f"{equal:,} of {count:,} whole windows equal the floor's to the bit"
