"""A small image of stars, galaxies, pairs and saturated stars, whose kinds are known."""

from dataclasses import dataclass

import numpy as np

SKY_NOISE = 0.02
SATURATION = 25000.0
COUNTS_PER_UNIT = 250.0
SHAPE = (420, 520)


@dataclass
class StarField:
    """Image, noise, counts, and kind and place of each source."""

    image: np.ndarray
    sigma: np.ndarray
    counts: np.ndarray
    kind: np.ndarray
    x: np.ndarray
    y: np.ndarray
    flux: np.ndarray

    def kind_at(self, x, y):
        """Kind of the nearest true source."""
        return self.kind[np.argmin(np.hypot(self.x - np.asarray(x)[:, None], self.y - np.asarray(y)[:, None]), axis=1)]


def moffat(x, y, fwhm, beta=3.5, stretch=1.0):
    """Unit flux."""
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return (beta - 1) / (np.pi * core**2 * stretch) * (1 + (x**2 + (y / stretch) ** 2) / core**2) ** -beta


def make_field(seed=1, stars=24, others=True, fwhm=3.2, gradient=(0.0, 0.0)):
    """Sources on a jittered grid: `star`, and besides `galaxy`, `pair`, `saturated`, `faint`, `edge`.

    `gradient` is the change of the seeing from the middle to the edge in x and in y, as a share of it.
    """
    random = np.random.default_rng(seed)
    places = np.array([(x, y) for y in range(45, SHAPE[0] - 40, 50) for x in range(45, SHAPE[1] - 40, 50)], float)
    places = random.permutation(places)
    kinds = ["star"] * stars + (["galaxy"] * 8 + ["pair"] * 6 + ["saturated"] * 3 + ["faint"] * 12 if others else [])
    places = places[: len(kinds)] + random.uniform(-4, 4, (len(kinds), 2))
    flux = 10 ** random.uniform(1.7, 2.6, len(kinds))
    kind = np.array(kinds)
    flux[kind == "faint"], flux[kind == "saturated"] = 3.0, 4000.0
    grid_y, grid_x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = np.zeros(SHAPE)
    for (x, y), one, light in zip(places, kind, flux, strict=True):
        seeing = fwhm * (1 + gradient[0] * (2 * x / SHAPE[1] - 1) + gradient[1] * (2 * y / SHAPE[0] - 1))
        stretch, width = (1.8, 1.7 * seeing) if one == "galaxy" else (1.0, seeing)
        image += light * moffat(grid_x - x, grid_y - y, width, stretch=stretch)
        if one == "pair":
            image += 0.4 * light * moffat(grid_x - x - 5, grid_y - y - 3, seeing)
    counts = image * COUNTS_PER_UNIT + 150
    sigma = np.sqrt(SKY_NOISE**2 + np.maximum(image, 0) / (4.7 * COUNTS_PER_UNIT))
    noisy = image + random.normal(size=SHAPE) * sigma
    full = 1.2 * SATURATION  # charge above it is lost
    return StarField(
        np.minimum(noisy, full / COUNTS_PER_UNIT).astype(np.float32),
        sigma.astype(np.float32),
        np.minimum(counts, full).astype(np.float32),
        kind,
        places[:, 0],
        places[:, 1],
        flux,
    )
