"""What the scaling of images does to a star's type: `python -m benchmarks.stellar_image`.

Simulated stars of O to M, as many of each, in ugriz frames with the survey's noise, seeing, neighbours and offsets
between bands; whole fields are held out. The same network, in the same number of epochs, is given composites whose
bands are scaled by their own percentiles, composites on one flux scale, and the calibrated pixels; beside them boosted
trees on magnitudes measured in the same cutouts. Mean and standard deviation over seeds, and the standard error of a
bootstrap over test stars. Colours of a subclass scatter by 0.03 mag, and there is no reddening and no luminosity
class: real stars are harder, so compare rows, not with the sky.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from survey_batch.config.sections.images import CompositesSection
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.arrays import F8
from survey_batch.images.composite import composite_images
from survey_batch.images.cutout import cut, window_start
from survey_batch.models.classes import SEQUENCE, class_numbers
from survey_batch.models.labelled import Labelled
from survey_batch.models.magnitudes import magnitude_trees, magnitudes_of
from survey_batch.models.metrics import bootstrap, macro_f1
from survey_batch.models.stellar_image import ImageClassifier, ImageCNN, SmallViT
from survey_batch.simulate.pixels import BANDS, frame_pixels
from survey_batch.simulate.sky import COLOUR_SCATTER, LOCUS, Population, draw_population
from survey_batch.simulate.strip import BAND_OFFSETS, Strip

SHAPE = (692, 1024)
"""Of a field: a quarter of a real one, so that there are more to hold out."""
PER_FIELD = 100
SIZE, CROP = 64, 32
TEST_SHARE = 0.3
CLASSES = tuple(SEQUENCE)
MAGNITUDES = ((14.5, 17.5), (17.5, 19.0), (19.0, 20.5))
"""Ranges of the true r magnitude for which figures are given."""


@dataclass(frozen=True)
class Input:
    """What a network is given."""

    title: str
    family: type[ImageClassifier] = ImageCNN
    recipe: CompositesSection | None = None


INPUTS = [
    Input("gri by percentiles", recipe=CompositesSection(bands="gri", scaling="percentile")),
    Input("gri and urz by percentiles", recipe=CompositesSection(bands="gri", pair="urz", scaling="percentile")),
    Input("gri by flux", recipe=CompositesSection(bands="gri")),
    Input("gri and urz by flux", recipe=CompositesSection(bands="gri", pair="urz")),
    Input("calibrated ugriz"),
    Input("calibrated ugriz, small ViT", family=SmallViT),
]
BASELINE = "five magnitudes, trees"


@dataclass(frozen=True)
class Stars:
    """Whole cutouts of stars, with their r magnitudes and fields."""

    data: Labelled
    r: F8

    @property
    def test(self) -> npt.NDArray[np.bool_]:
        """The stars of the fields that are held out."""
        return np.asarray(self.data.split == "test")


def simulate(stars: int, seed: int) -> Stars:
    """Draw a strip of fields and cut its stars out, without files."""
    strip = Strip(301, 9001, 3, 100, max(10, round(stars / 0.55 / PER_FIELD)), SHAPE)
    rng = np.random.default_rng([seed, 7])
    sky = as_many_of_each(draw_population(strip, strip.fields * PER_FIELD, seed), rng)
    parts = [cut_field(strip, sky, field, seed) for field in strip.field_numbers]
    flux, x, y = (np.concatenate([part[name] for part in parts]) for name in ("flux", "x_object", "y_object"))
    row = np.concatenate([part["row"] for part in parts])
    field = strip.primary_field(sky.row)[row]
    held_out = rng.permutation(strip.field_numbers)[: round(TEST_SHARE * strip.fields)]
    # Simulated stars have the wings that the filter of PSF fluxes assumes: nothing is to be corrected.
    known = {"aperture_correction": np.ones_like(x), "psf_fwhm": np.full_like(x, np.nan)}
    data = Labelled(
        {"flux": flux, "x_object": x, "y_object": y, **known},
        label=np.array([name[0] for name in sky.subclass[row]]),
        split=np.where(np.isin(field, held_out), "test", "train"),
        object_id=row.astype(str),
        star=row.astype(np.int64),
        coordinates={"band": np.array(list(BANDS)), "channel": np.array(["red", "green", "blue"])},
    )
    return Stars(data, sky.magnitude[row, BANDS.index("r")])


def as_many_of_each(sky: Population, rng: np.random.Generator) -> Population:
    """Give the stars letters of equal frequency; their positions and r magnitudes stay."""
    letters = np.array([name[0] for name in LOCUS])
    share = np.array([1 / (len(SEQUENCE) * np.sum(letters == letter)) for letter in letters])
    kind = rng.choice(len(letters), len(sky), p=share)
    colour = np.array(list(LOCUS.values()))[kind] + COLOUR_SCATTER["STAR"] * rng.standard_normal((len(sky), 4))
    ug, gr, ri, iz = colour.T
    r = sky.magnitude[:, BANDS.index("r")]
    magnitude = np.stack([r + gr + ug, r + gr, r, r - ri, r - ri - iz], axis=1)
    return replace(
        sky,
        magnitude=np.where(sky.galaxy[:, None], sky.magnitude, magnitude),
        subclass=np.where(sky.galaxy, sky.subclass, np.array(list(LOCUS))[kind]),
    )


def cut_field(strip: Strip, sky: Population, field: int, seed: int) -> dict[str, npt.NDArray[np.generic]]:
    """Cut the stars of a field that are whole in all bands."""
    row = np.flatnonzero((strip.primary_field(sky.row) == field) & ~sky.galaxy)
    positions = [
        (sky.column[row] + across, sky.row[row] - strip.rows_of(field).start + down)
        for down, across in (BAND_OFFSETS[band] for band in BANDS)
    ]
    starts = [tuple(window_start(one, SIZE) for one in xy) for xy in positions]
    frames = [frame_pixels(strip, sky, field, band, seed) for band in BANDS]
    flux = np.stack([cut(frame, *start, SIZE) for frame, start in zip(frames, starts, strict=True)], axis=1)
    whole = np.isfinite(flux).all(axis=(1, 2, 3))
    x, y = (np.stack([xy[k] - start[k] for xy, start in zip(positions, starts, strict=True)], axis=1) for k in (0, 1))
    return {"flux": flux[whole], "x_object": x[whole], "y_object": y[whole], "row": row[whole]}


def section_of(given: Input, options: argparse.Namespace, seed: int) -> ImageTraining:
    """The same network and budget for all inputs."""
    product = "composites" if given.recipe else "cutouts"
    return ImageTraining(
        classifier="-", variant=given.family.variant, product=product, crop=CROP, epochs=options.epochs, seed=seed
    )


def as_input(stars: Stars, given: Input) -> Labelled:
    """The stars as this input shows them."""
    if given.recipe is None:
        return stars.data
    images = composite_images(stars.data.block["flux"], BANDS, given.recipe)
    return replace(stars.data, source={"image": images})


def predict(stars: Stars, given: Input, options: argparse.Namespace, seed: int) -> npt.NDArray[np.intp]:
    """Train on the training fields, and classify the others."""
    data = as_input(stars, given)
    fitted = given.family.fit(data.of_split("train"), section_of(given, options, seed), classes=CLASSES)
    return np.asarray(fitted.predict_proba(data.of_split("test").block).argmax(axis=1))


def predict_by_magnitudes(stars: Stars, seed: int) -> npt.NDArray[np.intp]:
    """Classify the same stars by magnitudes measured in the same cutouts."""
    measure = magnitudes_of(stars.data, ImageTraining(classifier="-"))
    assert measure is not None, "cutouts are always measured"  # noqa: S101
    fitted = magnitude_trees(measure, CLASSES)(stars.data.of_split("train"), seed)
    return np.asarray(fitted(stars.data.of_split("test")).argmax(axis=1))


def figures(stars: Stars, predicted: npt.NDArray[np.intp]) -> F8:
    """Accuracy, macro F1, and accuracy in each range of magnitude."""
    true, r = class_numbers(stars.data.label[stars.test], CLASSES), stars.r[stars.test]
    right = predicted == true
    parts = [right[(r >= low) & (r < high)].mean() for low, high in MAGNITUDES]
    return np.array([right.mean(), macro_f1(true, predicted, len(CLASSES)), *parts])


def line(title: str, runs: list[F8], error: float) -> str:
    """One row of the table."""
    mean, spread = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1 if len(runs) > 1 else 0)
    cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, spread, strict=True)]
    return f"| {title} | {' | '.join(cells)} | {error:.3f} |"


def plot(rows: dict[str, list[F8]], path: Path) -> None:
    """Accuracy by magnitude, one line for each input."""
    figure = Figure(figsize=(7, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for title, runs in rows.items():
        style = "k--o" if title == BASELINE else "-o"
        axes.errorbar(
            [np.mean(limits) for limits in MAGNITUDES],
            np.mean(runs, axis=0)[2:],
            np.std(runs, axis=0)[2:],
            fmt=style,
            label=title,
            capsize=2,
        )
    axes.axhline(1 / len(CLASSES), color="grey", lw=0.8, ls=":")
    axes.set(xlabel="r [mag]", ylabel="accuracy, seven classes alike", ylim=(0, 1.02), xticks=[16, 18.25, 19.75])
    axes.legend(fontsize=8, loc="lower left")
    figure.savefig(path)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stellar_image", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--stars", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("docs") / "classifiers" / "stellar-images.png")
    options = parser.parse_args()
    stars = simulate(options.stars, 5)
    counts = stars.data.of_split("train").counts()
    print(f"{sum(counts.values())} training stars {counts}, {stars.test.sum()} test stars; {options.epochs} epochs")
    ranges = " | ".join(f"r {low:g} to {high:g}" for low, high in MAGNITUDES)
    print(f"| input | accuracy | macro F1 | {ranges} | s.e. |\n|{' --- |' * (4 + len(MAGNITUDES))}", flush=True)
    rows: dict[str, list[F8]] = {}
    for given in (*INPUTS, None):
        title = given.title if given else BASELINE
        answers = [
            predict(stars, given, options, seed) if given else predict_by_magnitudes(stars, seed)
            for seed in range(1, options.seeds + 1)
        ]
        rows[title] = [figures(stars, answer) for answer in answers]
        right = answers[0] == class_numbers(stars.data.label[stars.test], CLASSES)
        print(line(title, rows[title], bootstrap(right.astype(np.float64))[0]), flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    plot(rows, options.output)


if __name__ == "__main__":
    main()
