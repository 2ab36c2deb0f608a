"""Simulated galaxies look like galaxies, and not like each other."""

import numpy as np
import pytest

from survey_batch.spectra.synthetic.galaxies import broadened, draw_galaxy
from survey_batch.spectra.synthetic.star_library import drawn_stars

H_ALPHA, CALCIUM_K = 6564.6, 3934.8


def contrast(wavelength, flux, line, half=8.0):
    """Mean flux of a line over that of the continuum beside it."""
    offset = np.abs(wavelength - line)
    return flux[offset < half].mean() / np.median(flux[(offset > 40) & (offset < 80)])


@pytest.fixture(scope="module")
def galaxies():
    return [draw_galaxy(np.random.default_rng(seed), drawn_stars()) for seed in range(40)]


def test_some_galaxies_shine_in_h_alpha_and_some_do_not(galaxies):
    contrasts = [contrast(*galaxy, H_ALPHA) for galaxy in galaxies]
    assert sum(value > 1.5 for value in contrasts) >= 8
    assert sum(value < 1.15 for value in contrasts) >= 8


def test_old_stars_absorb_in_calcium(galaxies):
    quiet = [galaxy for galaxy in galaxies if contrast(*galaxy, H_ALPHA) < 1.15]
    assert np.median([contrast(*galaxy, CALCIUM_K) for galaxy in quiet]) < 0.8


def test_no_two_galaxies_are_alike(galaxies):
    values = np.array([flux for _, flux in galaxies])
    for first in range(len(values)):
        others = np.delete(values, first, axis=0)
        assert np.abs(others - values[first]).max(axis=1).min() > 0.02


def test_flux_is_finite_and_positive(galaxies):
    for wavelength, flux in galaxies:
        assert np.isfinite(flux).all()
        assert (flux >= 0).all()
        assert flux.mean() == pytest.approx(1)
        assert (np.diff(wavelength) > 0).all()


def test_the_same_generator_draws_the_same_galaxy(galaxies):
    np.testing.assert_array_equal(draw_galaxy(np.random.default_rng(3), drawn_stars())[1], galaxies[3][1])


def test_dispersion_widens_lines_and_keeps_their_flux():
    stars = drawn_stars()
    narrow = stars.flux[30].astype(float)
    wide = broadened(narrow, 300)
    assert contrast(stars.wavelength, wide, CALCIUM_K, 4) > contrast(stars.wavelength, narrow, CALCIUM_K, 4)
    assert wide.sum() == pytest.approx(narrow.sum(), rel=1e-3)
