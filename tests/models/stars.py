"""Cutouts of two classes of stars that differ in nothing but their colour, and a product of them."""

import numpy as np

from survey_batch.models.labelled import Labelled

BANDS = "ugriz"
COLOURS = {"A": (0.3, 1.2, 1.0, 0.7, 0.5), "K": (0.05, 0.4, 1.0, 1.4, 1.6)}
"""Flux in each band, in that of r."""
SIZE = 64
SIGMA = 1.4


def make_stars(labels: np.ndarray, seed: int, size: int = SIZE, noise: float = 0.02) -> dict[str, np.ndarray]:
    """Stars of 20 to 200 nanomaggies within half a pixel of the centre."""
    random = np.random.default_rng(seed)
    shape = (len(labels), len(BANDS))
    x, y = ((size - 1) / 2 + random.uniform(-0.5, 0.5, shape) for _ in range(2))
    flux = np.array([COLOURS[label] for label in labels]) * 10 ** random.uniform(1.3, 2.3, (len(labels), 1))
    along = np.arange(size)
    profile = [np.exp(-((along - centre[..., None]) ** 2) / (2 * SIGMA**2)) for centre in (y, x)]
    light = flux[..., None, None] * profile[0][..., :, None] * profile[1][..., None, :] / (2 * np.pi * SIGMA**2)
    light += noise * random.normal(size=light.shape)
    known = {"aperture_correction": np.full(shape, 1.02, np.float32), "psf_fwhm": np.full(shape, 3.3, np.float32)}
    return {"flux": light.astype(np.float32), "x_object": x, "y_object": y, **known}


def labels_of(rows: int) -> np.ndarray:
    return np.resize(np.array(["A", "K"]), rows)


def as_labelled(source: dict[str, np.ndarray], labels: np.ndarray, **coordinates: object) -> Labelled:
    names = np.array([f"id-{row}" for row in range(len(labels))])
    given = coordinates or {"band": np.array(list(BANDS))}
    return Labelled(source, labels, np.full(len(labels), "train"), names, np.arange(len(labels)), given)
