"""What is made of cutouts in memory: their features, and composites of 224 pixels."""

from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from astropy.visualization import make_lupton_rgb
from PIL import Image

from benchmarks.data import Data
from benchmarks.photometry import cut
from benchmarks.rows import Row, Side
from survey_batch.config.job import Job
from survey_batch.core.arrays import F4
from survey_batch.images.composite import band_indices, composite_images
from survey_batch.planning.stored import Rows
from survey_batch.stages import make_stage
from survey_batch.stages.composites import CompositesStage
from survey_batch.stages.image_features import ImageFeaturesStage

OBJECTS = 256
PART = 64
"""Objects in a part of a round."""
SIDE = 224


@cache
def cutouts_of(data: Data) -> tuple[Job, Rows, Rows]:
    """Cut the first objects: the job, the plan's rows, and their cutouts."""
    tables: dict[str, Any] = {"frames": {"keep": False}, "composites": {"size": SIDE}}
    job = data.images(["cutouts", "composites", "features"], Path("unused"), **tables)
    return job, *cut(job, OBJECTS)


def parts_of(rows: Rows) -> list[slice]:
    """Divide objects into parts."""
    count = len(rows["ra"])
    return [slice(start, min(start + PART, count)) for start in range(0, count, PART)]


def features_row(data: Data, scratch: Path) -> Row:  # noqa: ARG001
    """Set up the comparison of features with reading their pixels once."""
    job, rows, cutouts = cutouts_of(data)
    stage = cast("ImageFeaturesStage", make_stage(job, "features"))
    flux, width = cutouts["flux"], int(2 * stage.section.background[1] + 3)
    edge = (flux.shape[-1] - width) // 2
    middle = flux[:, :, edge : edge + width, edge : edge + width]
    sky = np.median(np.nan_to_num(middle), axis=(2, 3), keepdims=True)

    def ours(part: slice) -> None:
        stage.compute(*({name: values[part] for name, values in table.items()} for table in (rows, cutouts)))

    def floor(part: slice) -> None:
        read_once(middle[part], sky[part])

    bands, parts = len(data.bands), parts_of(rows)
    return Row(
        f"object in {bands} bands",
        len(flux),
        Side(
            f"{len(stage.features())} features of {len(flux)} objects, cutouts in memory",
            lambda: [partial(ours, part) for part in parts],
        ),
        Side(
            f"reading the middle {width} pixels once: which are known, a difference, one sum",
            lambda: [partial(floor, part) for part in parts],
        ),
    )


def read_once(pixels: F4, sky: F4) -> F4:
    """Do what every measurement must: look which pixels are known, subtract the sky, and add them up."""
    return np.asarray(np.where(np.isfinite(pixels), pixels - sky, 0).sum(axis=(2, 3)))


def composites_row(data: Data, scratch: Path) -> Row:  # noqa: ARG001
    """Set up the comparison of composites with Pillow and astropy."""
    job, rows, cutouts = cutouts_of(data)
    stage, parts = cast("CompositesStage", make_stage(job, "composites")), parts_of(rows)
    section, flux = stage.section, cutouts["flux"]
    small = composite_images(flux, data.bands, section.model_copy(update={"size": None}))
    triple = band_indices(data.bands, section)[0]
    made: dict[str, list[Any]] = {}

    def ours(part: slice) -> None:
        made["ours"] += list(composite_images(flux[part], data.bands, section))

    def floor(part: slice) -> None:
        made["floor"] += [np.asarray(enlarged(image)) for image in small[part]]

    def one_by_one(part: slice) -> None:
        for one in np.nan_to_num(flux[part][:, triple]):
            with np.errstate(invalid="ignore"):  # where nothing shines
                image = make_lupton_rgb(*one, minimum=0, stretch=section.linear_stretch, Q=section.q)
            made["others"].append(np.asarray(enlarged(image)))

    def ready(name: str, work: Any) -> Any:
        def begun() -> list[partial[None]]:
            made[name] = []
            return [partial(work, part) for part in parts]

        return begun

    def agreement() -> str:
        differ = [int((np.array(made["ours"]) != np.array(made[name])).sum()) for name in ("floor", "others")]
        if differ[0]:
            raise RuntimeError(f"{differ[0]:,} values differ from those of Pillow")
        values = np.array(made["ours"]).size
        return f"equal to the floor's to the bit; of {values:,} values, {differ[1]:,} differ from the other way's"

    return Row(
        f"composite of {SIDE} x {SIDE} pixels",
        len(flux),
        Side(f"{len(flux)} colour images, cutouts in memory", ready("ours", ours)),
        Side("Pillow resizes images that are composed already", ready("floor", floor)),
        [Side("astropy and Pillow, one by one", ready("others", one_by_one))],
        notes=lambda _: [agreement()],
    )


def enlarged(image: Any) -> Image.Image:
    """Resize an image with Pillow."""
    return Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
