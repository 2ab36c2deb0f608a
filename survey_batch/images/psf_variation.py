"""Variation of the PSF over an image: the frame's profile, stretched by a matrix that is linear in x and y."""

from dataclasses import replace

import numpy as np

from survey_batch.core.arrays import F8
from survey_batch.images.psf_model import PsfModel, StarFit
from survey_batch.images.psf_stretch import Variation

FEWEST_FOR_PLANE = 10
"""Fewest stars for a plane; through fewer it says more about them than about the seeing, and the PSF is constant."""
STRETCH_STEP = 0.01
"""Step for the profile's derivative by the stretch."""
CENTRE_STEP = 0.02
"""Step in pixels for its derivative by position."""
LARGEST_SLOPE = np.array([[0.4], [0.4], [0.08]])
"""Largest change of the stretch from the middle of the stars to their edge in x or y; every corner keeps an ellipse."""


def size_variation(position: F8, size: F8) -> Variation:
    """Return a first variation from round stars of sizes that differ by position; none if there are few stars.

    Parameters
    ----------
    position : (n, 2) float64
    size : (n,) float64
        Expected size of a star at each position, from a plane.
    """
    low, high = position.min(axis=0), position.max(axis=0)
    box = Variation((low + high) / 2, np.maximum((high - low) / 2, 1.0), np.zeros((3, 2)))
    if len(position) < FEWEST_FOR_PLANE:
        return box
    middle, *slope = fit_plane(box.scaled(position), size)
    return replace(box, slope=_limited(np.outer([1.0, 1.0, 0.0], slope) / middle))


def _limited(slope: F8) -> F8:
    return np.asarray(np.clip(slope, -LARGEST_SLOPE, LARGEST_SLOPE))


def fit_variation(psf: PsfModel, position: F8, fit: StarFit, noise: F8) -> Variation:
    """Correct the variation of a PSF by the shapes of stars fitted with it.

    Parameters
    ----------
    psf
        PSF whose variation is corrected.
    position : (n, 2) float64
        Positions of the stars on the image.
    fit
        Fit of these stars with this PSF.
    noise : (n, k, k) float64
        Expected noise.
    """
    old = psf.variation
    if len(position) < FEWEST_FOR_PLANE:
        return replace(old, slope=np.zeros((3, 2)))
    error = _stretch_errors(psf, position, fit, noise)
    slope = old.slope + np.array([fit_plane(old.scaled(position), part)[1:] for part in error.T])
    return replace(old, slope=_limited(slope))


def fit_plane(position: F8, value: F8) -> F8:
    """Fit value = c0 + c1 x + c2 y, (3,), with less weight for values farther from the plane.

    Parameters
    ----------
    position : (n, 2) float64
    value : (n,) float64
    """
    terms = np.column_stack([np.ones(len(position)), position])
    start = np.array([np.median(value), 0.0, 0.0])
    spread = 1.4826 * float(np.median(np.abs(value - start[0])))
    from scipy.optimize import least_squares  # cutouts need this module, but no fit

    fit = least_squares(
        lambda plane: terms @ plane - value, start, jac=lambda _: terms, loss="soft_l1", f_scale=max(spread, 1e-6)
    )
    return np.asarray(fit.x)


def _stretch_errors(psf: PsfModel, position: F8, fit: StarFit, noise: F8) -> F8:
    """Find how much wider each star is than the PSF there (xx, yy, xy), (n, 3); flux, centre and level are free."""
    size = noise.shape[-1]
    line = np.arange(size, dtype=np.float64) - size // 2
    dx, dy = line[None, None, :] - fit.dx[:, None, None], line[None, :, None] - fit.dy[:, None, None]
    there, h = psf.variation.stretch(position), CENTRE_STEP
    profile = psf.stretched(there)
    terms = [profile(dx, dy), np.ones_like(noise), profile(dx + h, dy), profile(dx, dy + h)]
    terms[2:] = [(moved - terms[0]) / h for moved in terms[2:]]
    for step in np.eye(3) * STRETCH_STEP:
        wider, narrower = (psf.stretched(there + sign * step)(dx, dy) for sign in (1, -1))
        terms.append((wider - narrower) / (2 * STRETCH_STEP))
    weight = np.where(fit.inside, 1 / np.where(fit.inside, noise, 1.0), 0.0).reshape(len(position), -1, 1)
    design = np.stack(terms, axis=-1).reshape(len(position), -1, len(terms)) * weight
    target = (fit.residual / fit.flux[:, None, None]).reshape(len(position), -1, 1) * weight
    return np.asarray((np.linalg.pinv(design) @ target)[:, 4:, 0])
