"""Simulated stars in one wide band: their properties, and their stamps with noise.

After the generator of Centofanti et al. (2025, A&A 694, A228): stars of 13 classes anywhere in a field whose
wavefront error changes with the position. Beyond what they simulated, stars can lie off the middle of their stamp
and have any flux.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.optics.psf_field import FIELD_SIZE, PsfField
from survey_batch.optics.seds import CLASSES

SNR = (20.0, 110.0)
"""Range of a star's mean pixel power over that of the noise; S/N of the whole star is the root of 1024 times this."""
FLUX_SCATTER = 0.5
"""Standard deviation of ln(flux) where fluxes are unknown."""
AT_ONCE = 64
"""Number of stars whose point-spread functions are in memory at one time."""


@dataclass(frozen=True)
class Stars:
    """The stars of an exposure.

    Attributes
    ----------
    number : (star,) int
        Index among the classes.
    x, y : (star,) float
        Position in the field.
    flux : (star,) float
        Total, 1 where it is known.
    offset : (star, 2) float
        x and y of the star from the middle of its stamp [pixel].
    snr : (star,) float
        Mean power of the signal divided by that of the noise.
    """

    number: npt.NDArray[np.intp]
    x: F8
    y: F8
    flux: F8
    offset: F8
    snr: F8

    def take(self, rows: slice) -> "Stars":
        """Some of the stars."""
        return Stars(*(getattr(self, one.name)[rows] for one in fields(self)))


def draw_stars(
    stars: int,
    seed: int,
    *,
    offset: float = 0.0,
    flux_scatter: float = 0.0,
    snr: tuple[float, float] = SNR,
) -> Stars:
    """Draw equally many stars of each class, all over the field.

    Parameters
    ----------
    stars : int
        Number of stars; with more stars, the first ones stay the same.
    seed : int
    offset : float
        Standard deviation of the star's position in its stamp, along each axis [pixel].
    flux_scatter : float
        Standard deviation of ln(flux).
    snr : tuple of float
        Range of the uniform distribution of `Stars.snr`.
    """
    draws = np.array([np.random.default_rng([seed, 2, star]).random(4) for star in range(stars)]).reshape(stars, 4)
    normal = np.array([np.random.default_rng([seed, 3, star]).standard_normal(3) for star in range(stars)]).reshape(
        stars, 3
    )
    return Stars(
        number=(draws[:, 0] * len(CLASSES)).astype(np.intp),
        x=draws[:, 1] * FIELD_SIZE,
        y=draws[:, 2] * FIELD_SIZE,
        flux=np.exp(flux_scatter * normal[:, 0]),
        offset=offset * normal[:, 1:],
        snr=snr[0] + (snr[1] - snr[0]) * draws[:, 3],
    )


def observe(stars: Stars, field: PsfField, weights: F8, seed: int) -> tuple[F4, F4]:
    """Make the stamps of stars.

    Parameters
    ----------
    stars : Stars
    field : PsfField
        The exposure's.
    weights : (class, wavelength) float
        From `Optics.bin_weights`.
    seed : int
        Of the noise.

    Returns
    -------
    flux : (star, y, x) float32
        Stamps with white Gaussian noise.
    noise : (star,) float32
        Its standard deviation in each stamp.
    """
    optics = field.optics
    flux = np.empty((len(stars.x), optics.stamp, optics.stamp), np.float32)
    noise = np.empty(len(flux), np.float32)
    for first in range(0, len(flux), AT_ONCE):
        span = slice(first, first + AT_ONCE)
        some = stars.take(span)
        stamps = optics.stamps(optics.planes(wavefronts(some, field)))
        flux[span], noise[span] = expose(some, stamps, weights, [seed, first])
    return flux, noise


def wavefronts(stars: Stars, field: PsfField) -> F8:
    """Compute Zernike coefficients [um], (star, mode): the field's, plus a tilt that moves each star by its offset."""
    coefficients = field.zernikes(stars.x, stars.y)
    coefficients[:, 1:3] += field.optics.tilt_per_pixel * stars.offset[:, ::-1]  # modes 1 and 2 tilt along y and x
    return coefficients


def expose(stars: Stars, stamps: F4, weights: F8, seed: Sequence[int]) -> tuple[F4, F4]:
    """Mix monochromatic stamps (star, wavelength, y, x) of unit sum into images with noise; as `observe`."""
    pure = stars.flux[:, None, None] * np.einsum("sb,sbyx->syx", weights[stars.number], stamps)
    noise = np.sqrt((pure**2).mean(axis=(1, 2)) / stars.snr)
    drawn = np.array(
        [np.random.default_rng([*seed, star]).standard_normal(pure.shape[1:]) for star in range(len(pure))]
    )
    return (pure + noise[:, None, None] * drawn).astype(np.float32), noise.astype(np.float32)
