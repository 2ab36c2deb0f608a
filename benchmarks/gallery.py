"""The same real objects in six colour recipes, for docs/gallery.md: `python -m benchmarks.gallery`.

Twenty whole cutouts of r 16 to 19, evenly spread in g - r, in three choices of bands, scaled by percentiles and by
flux. For each recipe also three numbers of all objects of these magnitudes, which it prints.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from benchmarks.data import Data, find_data
from benchmarks.pipeline import make_job
from survey_batch.config.sections.images import CompositesSection
from survey_batch.core.arrays import F8
from survey_batch.core.status import Status
from survey_batch.images.composite import composite_images
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import to_numpy
from survey_batch.stages import make_stage

BANDS = "ugriz"
COLUMNS = 20
BRIGHTEST, FAINTEST = 16.0, 19.0
APERTURE = 7.5
"""Radius in pixels in which magnitudes are measured."""

CORE = 3
"""Half a side, in pixels, of the middle of an image."""
CORNER = 12
"""A side, in pixels, of the corner of an image that is taken for sky."""

RECIPES = [
    CompositesSection(bands=bands, scaling=scaling)
    for scaling in ("percentile", "flux")
    for bands in ("gri", "irg", "urz")
]


@dataclass(frozen=True)
class Objects:
    """Cutouts (n, band, y, x) [nanomaggies per pixel], and their magnitudes (n, band)."""

    flux: npt.NDArray[np.float32]
    magnitude: F8

    @property
    def r(self) -> F8:
        """Magnitude in r."""
        return np.asarray(self.magnitude[:, BANDS.index("r")])

    @property
    def colour(self) -> F8:
        """Colour g - r."""
        return np.asarray(self.magnitude[:, BANDS.index("g")] - self.r)

    def take(self, chosen: npt.NDArray[np.intp]) -> "Objects":
        """Some of them, in this order."""
        return Objects(self.flux[chosen], self.magnitude[chosen])


def main() -> None:
    """Draw the gallery."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("docs") / "gallery.jpg")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survey-batch-gallery-") as folder:
        data = find_data(Path(folder))
        objects = in_range(cut_whole(data, Path(folder)))
    draw(objects.take(evenly(objects.colour)), options.output)
    print(f"{data.what}; {options.output} shows {COLUMNS} of {len(objects.flux)} objects")
    for recipe in RECIPES:
        print(f"    {recipe.bands} {recipe.scaling}: {describe(objects, recipe)}")


def cut_whole(data: Data, scratch: Path) -> Objects:
    """Cut all objects, and keep those whose cutouts are whole in all bands."""
    archive = {"survey": "sdss", "root": str(data.sdss)}
    job = make_job("cutouts", archive, {"path": str(data.sources)}, scratch, frames={"keep": False, "bands": BANDS})
    table = make_plan(job).objects
    block = make_stage(job, "cutouts").compute({name: to_numpy(table[name]) for name in table.column_names}, {})
    whole = block.status == Status.OK
    flux, x, y = (block.data[name][whole] for name in ("flux", "x_object", "y_object"))
    return Objects(flux, magnitudes(flux, x, y))


def magnitudes(flux: npt.NDArray[np.float32], x: F8, y: F8) -> F8:
    """Sum the flux around each object: 22.5 - 2.5 log10 of nanomaggies; NaN where there is none."""
    rows, columns = (np.arange(length, dtype=np.float64) for length in flux.shape[-2:])
    distance2 = (rows[:, None] - y[..., None, None]) ** 2 + (columns - x[..., None, None]) ** 2
    total = np.sum(flux, axis=(-2, -1), where=distance2 < APERTURE**2, dtype=np.float64)
    return np.asarray(22.5 - 2.5 * np.log10(np.where(total > 0, total, np.nan)))


def in_range(objects: Objects) -> Objects:
    """Keep the objects of the gallery's magnitudes that have a colour."""
    return objects.take(np.flatnonzero(np.isfinite(objects.colour) & (objects.r >= BRIGHTEST) & (objects.r < FAINTEST)))


def evenly(colour: F8) -> npt.NDArray[np.intp]:
    """Take objects at evenly spaced ranks, from blue to red."""
    ranks = (np.arange(COLUMNS) + 0.5) / COLUMNS * len(colour)
    return np.argsort(colour, kind="stable")[ranks.astype(np.intp)]


def describe(objects: Objects, recipe: CompositesSection) -> str:
    """Say how bright sky and objects are, and how well g - r and the colours in an image follow each other."""
    images = composite_images(objects.flux, BANDS, recipe)
    middle = images.shape[1] // 2
    core = images[:, middle - CORE : middle + CORE, middle - CORE : middle + CORE]
    sky = images[:, :CORNER, :CORNER]
    return (
        f"{np.mean(images.max(axis=-1) >= 254):.1%} of the pixels burnt out, median of the sky's brightest channel "
        f"{np.median(sky.max(axis=-1)):.0f}; rank correlation with g - r of the core "
        f"{correlate(core, objects.colour):.2f}, of the sky {correlate(sky, objects.colour):.2f}"
    )


def correlate(part: npt.NDArray[np.uint8], colour: F8) -> float:
    """Size of Spearman's rank correlation of g - r and of red against blue in a part of each image."""
    red, _, blue = part.sum(axis=(1, 2), dtype=np.float64).T
    return abs(float(spearmanr((red - blue) / np.maximum(red + blue, 1), colour).statistic))


def draw(objects: Objects, path: Path) -> None:
    """Draw one row of images for each recipe, north and east as the frames have them."""
    figure = Figure(figsize=(22, 6.75), dpi=90)
    grid = figure.subplots(len(RECIPES), len(objects.flux), squeeze=False)
    figure.subplots_adjust(left=0.06, right=0.998, top=0.93, bottom=0.005, wspace=0.03, hspace=0.03)
    for line, recipe in zip(grid, RECIPES, strict=True):
        images = composite_images(objects.flux, BANDS, recipe)
        for panel, image in zip(line, images, strict=True):
            show(panel, image)
        line[0].set_ylabel(f"{recipe.bands}\n{recipe.scaling}", rotation=0, ha="right", va="center", fontsize=13)
    for panel, r, colour in zip(grid[0], objects.r, objects.colour, strict=True):
        panel.set_title(f"r {r:.1f}\ng - r {colour:.2f}", fontsize=10)
    figure.savefig(path, pil_kwargs={"quality": 88} if path.suffix == ".jpg" else {})


def show(panel: Axes, image: npt.NDArray[np.uint8]) -> None:
    """Show one image without axes, its first row at the bottom."""
    panel.imshow(image, origin="lower", interpolation="nearest")
    panel.set(xticks=[], yticks=[])


if __name__ == "__main__":
    main()
