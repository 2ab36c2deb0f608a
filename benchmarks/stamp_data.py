"""Simulated stars for the benchmark of spectral classes from stamps, with all that costs optics worked out once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8
from survey_batch.models.psf_fit import fit_classes
from survey_batch.models.published_stamps import similarity
from survey_batch.optics.diffraction import OVERSAMPLING
from survey_batch.optics.psf_field import PsfField, random_psf_field
from survey_batch.simulate.stamps import Stars, draw_stars, expose, wavefronts

AT_ONCE = 100
"""Stars whose point-spread functions are in memory at one time."""
NODES = 28
"""Along each axis, of the table of point-spread functions."""
PIECE = 500
"""Stars in a file of the cache, so that a simulation that was stopped goes on."""


@dataclass(frozen=True)
class StampSet:
    """Stars of one exposure.

    Attributes
    ----------
    flux : (star, y, x) float32
        Stamps.
    number : (star,) int
        True class.
    features : (star, wavelength) float64
        Published likeness to the monochromatic point-spread functions.
    fixed, centre : (star, class) float64
        Chi-square of each class: with flux 1 and centred, and with flux and centre fitted.
    """

    flux: npt.NDArray[np.float32]
    number: npt.NDArray[np.intp]
    features: F8
    fixed: F8
    centre: F8

    def take(self, rows: Any) -> "StampSet":
        """Some of the stars."""
        return StampSet(*(getattr(self, one.name)[rows] for one in fields(self)))


def stamp_set(
    cache: Path, weights: F8, stars: int, field_seed: int, offset: float = 0.0, flux_scatter: float = 0.0
) -> StampSet:
    """Read a set from the cache; what is not there is simulated and left there."""
    cache.mkdir(parents=True, exist_ok=True)
    parts = []
    for first in range(0, stars, PIECE):
        last = min(first + PIECE, stars)
        path = cache / f"stamps-{field_seed}-{offset}-{flux_scatter}-{first}-{last}.npz"
        if not path.is_file():
            _simulate(path, weights, slice(first, last), field_seed, offset, flux_scatter)
        with np.load(path, allow_pickle=False) as saved:
            parts.append([saved[one.name] for one in fields(StampSet)])
    return StampSet(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def unit_flux(flux: npt.NDArray[np.float32], flux_scatter: float) -> npt.NDArray[np.float32]:
    """What published methods are given: stamps over their sum where fluxes are not known to be 1."""
    return flux / flux.sum(axis=(1, 2), keepdims=True) if flux_scatter else flux


class FieldTable:
    """Point-spread functions anywhere in a field, interpolated between Chebyshev nodes of both axes.

    They are smooth functions of the position: with 28 x 28 nodes the interpolation is off by 4e-4 of the peak at most
    (`error` measures it), a twelfth of the noise of a pixel, and costs a quarter of diffracting each star anew.
    """

    def __init__(self, field: PsfField, path: Path | None = None) -> None:
        self.field = field
        self.nodes = np.polynomial.chebyshev.chebpts1(NODES)
        x, y = ((one.ravel() + 1) / 2 * field.size for one in np.meshgrid(self.nodes, self.nodes, indexing="ij"))
        if path is not None and path.is_file():
            self.planes = np.load(path, allow_pickle=False)
            return
        self.planes = field.optics.planes(field.zernikes(x, y)).reshape(NODES**2, -1)
        if path is not None:
            np.save(path, self.planes, allow_pickle=False)

    def at(self, x: F8, y: F8) -> npt.NDArray[np.float32]:
        """Planes (star, wavelength, y, x) at some positions."""
        vander = np.polynomial.chebyshev.chebvander
        inverse = np.linalg.inv(vander(self.nodes, NODES - 1))
        along = [vander(2 * one / self.field.size - 1, NODES - 1) @ inverse for one in (x, y)]
        weight = np.einsum("si,sj->sij", *along).reshape(len(x), -1).astype(np.float32)
        side = round((self.planes.shape[1] / self.field.optics.bins) ** 0.5)
        return (weight @ self.planes).reshape(len(x), self.field.optics.bins, side, side)

    def error(self, positions: int = 20) -> float:
        """Largest difference from planes that are diffracted, over the largest value, at random positions."""
        x, y = np.random.default_rng(1).uniform(0, self.field.size, (2, positions))
        exact = self.field.optics.planes(self.field.zernikes(x, y))
        return float(np.abs(self.at(x, y) - exact).max() / exact.max())


@lru_cache(maxsize=1)
def field_table(seed: int, cache: Path) -> FieldTable:
    """The table of an exposure, from the cache where it is there."""
    return FieldTable(random_psf_field(seed), cache / f"field-{seed}-{NODES}.npy")


def _simulate(path: Path, weights: F8, rows: slice, field_seed: int, offset: float, flux_scatter: float) -> None:
    table = field_table(field_seed, path.parent)
    drawn = draw_stars(rows.stop, field_seed, offset=offset, flux_scatter=flux_scatter).take(rows)
    parts = []
    for first in range(0, len(drawn.x), AT_ONCE):
        stars = drawn.take(slice(first, first + AT_ONCE))
        parts.append(_measure(stars, table, weights, [field_seed, rows.start + first], flux_scatter))
    made = StampSet(*(np.concatenate(one) for one in zip(*parts, strict=True)))
    temporary = path.with_name(f".{os.getpid()}.npz")
    np.savez(temporary, allow_pickle=False, **{one.name: getattr(made, one.name) for one in fields(made)})
    temporary.replace(path)


def _measure(stars: Stars, table: FieldTable, weights: F8, seed: Sequence[int], flux_scatter: float) -> tuple[Any, ...]:
    """Expose some stars, and compare them with the point-spread functions at their positions."""
    optics = table.field.optics
    planes = table.at(stars.x, stars.y)
    seen = optics.planes(wavefronts(stars, table.field)) if stars.offset.any() else planes
    flux, noise = expose(stars, optics.stamps(seen), weights, seed)
    ivar = np.broadcast_to(noise[:, None, None] ** -2.0, flux.shape).astype(np.float32)
    fixed, centre = (
        fit_classes(flux, ivar, planes, weights, OVERSAMPLING, fit_flux=free, fit_centre=free).chi_square
        for free in (False, True)
    )
    return flux, stars.number, similarity(unit_flux(flux, flux_scatter), optics.stamps(planes)), fixed, centre
