"""Cutouts of simulated stars and galaxies that lie too far apart to disturb each other."""

import numpy as np

from survey_batch.images.cutout import cut, window_start
from survey_batch.simulate.pixels import BANDS, frame_pixels
from survey_batch.simulate.sky import Population
from survey_batch.simulate.strip import BAND_OFFSETS, Strip

SPACING, SIDE = 70, 12


def simulated_frame(magnitude, band="r", radius=0.0, axis_ratio=1.0, bulge=False, seed=3):
    """A frame of 144 objects of one magnitude: pixels (y, x), and where the objects lie, x, y (n,)."""
    strip = Strip(301, 9001, 3, 100, 1, (SPACING * SIDE + 40, SPACING * SIDE + 40))
    rng = np.random.default_rng(seed)
    grid = 20 + SPACING * (np.arange(SIDE) + 0.5)
    row, column = (part.ravel() + rng.uniform(-0.5, 0.5, SIDE**2) for part in np.meshgrid(grid, grid, indexing="ij"))
    n = len(row)
    population = Population(
        row=row + strip.first_row,
        column=column,
        magnitude=np.full((n, 5), magnitude),
        galaxy=np.full(n, radius > 0),
        subclass=np.full(n, ""),
        bulge=np.full(n, bulge),
        radius=np.full(n, radius),
        axis_ratio=np.full(n, axis_ratio),
        angle=rng.uniform(0, np.pi, n),
    )
    pixels = frame_pixels(strip, population, strip.first_field, band, seed)
    down, across = BAND_OFFSETS[band]
    return pixels, column + across, row + down


def simulated_cutouts(magnitude, band="r", radius=0.0, axis_ratio=1.0, bulge=False, seed=3, size=64):
    """144 objects of one magnitude: flux (n, 1, size, size), x, y (n, 1), and the true flux in nanomaggies."""
    assert band in BANDS
    return cut_all(*simulated_frame(magnitude, band, radius, axis_ratio, bulge, seed), magnitude, size)


def cut_all(pixels, x, y, magnitude, size=64):
    """Cut objects of one magnitude out of a frame, as `simulated_cutouts` returns them."""
    x_start, y_start = window_start(x, size), window_start(y, size)
    flux = cut(pixels, x_start, y_start, size)
    return flux[:, None], (x - x_start)[:, None], (y - y_start)[:, None], 10 ** (0.4 * (22.5 - magnitude))
