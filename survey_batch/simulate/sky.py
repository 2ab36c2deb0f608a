"""Populations of stars and galaxies: magnitudes, colours and shapes by class, and where they lie in a strip."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.simulate.strip import Strip
from survey_batch.surveys.sdss.files import OVERLAP_ROWS

BRIGHTEST, FAINTEST = 14.5, 20.5
"""r magnitudes between which objects are drawn."""
GALAXY_SHARE, RED_SHARE = 0.35, 0.5
SEAM_SHARE, EDGE_SHARE = 0.08, 0.03
"""Shares of objects placed near the seams of fields, and near the left and right edges."""
NEAR = 40
"""Pixels from a seam or an edge that count as near."""

LOCUS = {
    "O5": (-0.42, -0.53, -0.35, -0.34),
    "B0": (-0.30, -0.48, -0.32, -0.30),
    "B5": (0.40, -0.35, -0.25, -0.22),
    "A0": (1.05, -0.24, -0.17, -0.16),
    "A5": (1.15, -0.05, -0.10, -0.09),
    "F0": (1.08, 0.12, -0.02, -0.05),
    "F5": (1.06, 0.28, 0.07, 0.00),
    "G0": (1.25, 0.42, 0.13, 0.03),
    "G5": (1.50, 0.52, 0.18, 0.06),
    "K0": (1.75, 0.65, 0.23, 0.10),
    "K5": (2.40, 1.05, 0.41, 0.23),
    "M0": (2.62, 1.33, 0.66, 0.37),
    "M3": (2.62, 1.46, 1.21, 0.67),
    "M5": (2.75, 1.52, 1.70, 0.93),
}
"""u-g, g-r, r-i, i-z of main-sequence stars, rounded: approximate to 0.1 mag, after the stellar locus of
Covey et al. (2007, AJ 134, 2398) and, for M dwarfs, West et al. (2005, PASP 117, 706)."""

STAR_SHARES = (0.01, 0.02, 0.04, 0.08, 0.08, 0.11, 0.12, 0.12, 0.12, 0.10, 0.08, 0.06, 0.04, 0.02)
"""Shares of the subclasses in the order of `LOCUS`; hot stars are far more frequent than on the sky."""

GALAXY_COLOURS = {"red": (1.75, 0.85, 0.40, 0.30), "blue": (1.10, 0.45, 0.25, 0.13)}
"""The two peaks of nearby galaxies, on either side of u-r = 2.22 (Strateva et al. 2001, AJ 122, 1861)."""
COLOUR_SCATTER = {"STAR": 0.03, "GALAXY": 0.10}


@dataclass(frozen=True)
class Population:
    """n objects, in the order of the strip's rows; arrays are (n,) unless said otherwise."""

    row: F8
    """Position in r along the strip, 0-based pixel centres, counted from row 0 of field 0."""
    column: F8
    magnitude: F8
    """(n, 5) in ugriz, AB."""
    galaxy: npt.NDArray[np.bool_]
    subclass: npt.NDArray[np.str_]
    bulge: npt.NDArray[np.bool_]
    """Galaxies with a de Vaucouleurs profile; the others are exponential."""
    radius: F8
    """Half-light radius of the major axis in pixels; 0 for stars."""
    axis_ratio: F8
    angle: F8
    """Angle of the major axis from the columns' direction, radians."""

    def __len__(self) -> int:
        return len(self.row)


def draw_population(strip: Strip, objects: int, seed: int) -> Population:
    """Draw objects for a strip; the same arguments give the same objects."""
    rng = np.random.default_rng([seed, strip.run, strip.camcol, strip.first_field])
    row, column = _positions(strip, objects, rng)
    galaxy = rng.random(objects) < GALAXY_SHARE
    red = rng.random(objects) < RED_SHARE
    names = np.array(list(LOCUS))
    kind = rng.choice(len(names), objects, p=STAR_SHARES)
    subclass = np.where(galaxy, np.where(red, "", "STARFORMING"), names[kind])
    colour = np.where(
        galaxy[:, None],
        np.where(red[:, None], GALAXY_COLOURS["red"], GALAXY_COLOURS["blue"]),
        np.array(list(LOCUS.values()))[kind],
    )
    scatter = np.where(galaxy, COLOUR_SCATTER["GALAXY"], COLOUR_SCATTER["STAR"])
    colour = colour + scatter[:, None] * rng.standard_normal(colour.shape)
    r = _magnitudes(objects, rng)
    radius = np.exp(rng.normal(1.2, 0.35, objects)) * 10 ** (-0.08 * (r - 18))
    return Population(
        row=row,
        column=column,
        magnitude=_five_bands(r, colour),
        galaxy=galaxy,
        subclass=subclass,
        bulge=galaxy & red,
        radius=np.where(galaxy, np.clip(radius, 1.5, 12.0), 0.0),
        axis_ratio=rng.uniform(0.35, 1.0, objects),
        angle=rng.uniform(0, np.pi, objects),
    )


def _positions(strip: Strip, objects: int, rng: np.random.Generator) -> tuple[F8, F8]:
    """Draw positions uniform over the strip, except the shares placed near seams and edges."""
    rows, columns = strip.rows, strip.shape[1]
    row, column = rng.uniform(0, rows - 1, objects), rng.uniform(0, columns - 1, objects)
    seams = np.arange(1, strip.fields) * strip.step
    seams = np.concatenate([seams, seams + OVERLAP_ROWS, [0, rows - 1]])
    at_seam = rng.random(objects) < SEAM_SHARE
    near_seam = rng.choice(seams, objects) + rng.uniform(-NEAR, NEAR, objects)
    at_edge = rng.random(objects) < EDGE_SHARE
    near_edge = rng.choice([0, columns - 1], objects) + rng.uniform(-NEAR, NEAR, objects)
    row = np.where(at_seam, np.clip(near_seam, 0, rows - 1), row)
    column = np.where(at_edge, np.clip(near_edge, 0, columns - 1), column)
    order = np.argsort(row, kind="stable")
    return row[order] + strip.first_row, column[order]


def _magnitudes(objects: int, rng: np.random.Generator) -> F8:
    """Draw counts that grow as 10^(0.25 m), between the steep counts of galaxies and the flat ones of stars."""
    low, high = 10 ** (0.25 * BRIGHTEST), 10 ** (0.25 * FAINTEST)
    return np.log10(rng.uniform(low, high, objects)) / 0.25


def _five_bands(r: F8, colour: F8) -> F8:
    """Compute magnitudes (n, 5) from r and u-g, g-r, r-i, i-z (n, 4)."""
    ug, gr, ri, iz = colour.T
    return np.stack([r + gr + ug, r + gr, r, r - ri, r - ri - iz], axis=1)
