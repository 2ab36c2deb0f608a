"""Where the CPU time of the features of images goes: each measurement alone, on cutouts in memory.

    python -m benchmarks.image_steps [--rounds 9]

A slice of 64 objects is measured again and again. What is not listed, above all taking names and values together, is
in the last line alone.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.data import Data, find_data
from benchmarks.pictures import cutouts_of
from benchmarks.timing import as_a_worker, cpu_seconds, machine
from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.images.cutout import cut
from survey_batch.images.features import SLICE, PointSources, image_features
from survey_batch.images.neighbours import find_neighbours
from survey_batch.images.photometry import aperture_flux, circle_overlap
from survey_batch.images.shape import adaptive_moments, half_light_radius, point_source_flux
from survey_batch.images.stamps import half_width, make_stamps, ring_background


def steps(data: Data) -> tuple[int, dict[str, Callable[[], object]]]:
    """Return the number of objects, and the measurements."""
    _, _, cutouts = cutouts_of(data)
    section, bands = ImageFeaturesSection(), data.bands
    flux, x, y, correction, fwhm = (
        cutouts[name][:SLICE] for name in ("flux", "x_object", "y_object", "aperture_correction", "psf_fwhm")
    )
    images, at_x, at_y = flux.reshape(-1, *flux.shape[2:]), x.ravel(), y.ravel()
    ring, reach, half = section.background, section.background[0], half_width(section.background[1])
    windows = cut(images, *(np.nan_to_num(np.rint(at)).astype(np.int64) - half for at in (at_x, at_y)), 2 * half + 1)
    off = [np.nan_to_num(at - np.rint(at)) for at in (at_x, at_y)]
    stamps = make_stamps(images, at_x, at_y, ring)
    searched = stamps.take(np.arange(len(flux)) * len(bands) + bands.index("r"))
    near = stamps.around(reach).take(np.flatnonzero(np.isfinite(stamps.background)))
    shapes = adaptive_moments(near, reach)
    stars = near.take(np.flatnonzero(shapes.measured))
    measured = [values[shapes.measured] for values in (shapes.x, shapes.y, shapes.variance)]
    pixels = windows.reshape(len(windows), -1)[:, : round(np.pi * (ring[1] ** 2 - ring[0] ** 2))].copy()
    exponents = -np.abs(near.values)

    def overlap(radius: float) -> object:
        return circle_overlap(near.x, near.y, radius, half_width(radius))

    return len(flux), {
        "windows, and the background subtracted": lambda: make_stamps(images, at_x, at_y, ring),
        "of that, the ring": lambda: ring_background(windows, *off, ring),
        "of that, sorting": lambda: np.sort(pixels, axis=1),
        "adaptive moments, ten times": lambda: adaptive_moments(near, reach),
        "of that, exponentials": lambda: [np.exp(exponents) for _ in range(10)],
        "fluxes of stars": lambda: point_source_flux(stars, *measured, reach),
        "three apertures": lambda: [aperture_flux(near, radius) for radius in section.apertures],
        "of that, areas of pixels in the circles": lambda: [overlap(radius) for radius in section.apertures],
        "half-light radius: an aperture, seven circles": lambda: half_light_radius(near, reach),
        "of that, areas in the aperture": lambda: overlap(reach),
        "neighbours": lambda: find_neighbours(searched, ring[1]),
        "in all": lambda: image_features(flux, x, y, section, bands, None, PointSources(correction, fwhm)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.image_steps")
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    as_a_worker("benchmarks.image_steps")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        count, works = steps(data)
    print(
        f"{machine()}\n{data.what}; {rounds} rounds in turns, CPU-microseconds per object in {len(data.bands)} bands\n"
    )
    taken = [[cpu_seconds(work) / count * 1e6 for work in works.values()] for _ in range(rounds + 1)][1:]
    for number, name in enumerate(works):
        print(f"{median(one[number] for one in taken):8.1f} {name}")


if __name__ == "__main__":
    main()
