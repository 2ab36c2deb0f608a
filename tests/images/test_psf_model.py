from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.images.psf_model import fit_psf, fit_stars
from survey_batch.images.psf_variation import Variation
from tests.images.star_field import moffat

FWHM, BETA, RADIUS, HALF = 3.4, 3.0, 8.0, 10
GRID = np.arange(-HALF, HALF + 1, dtype=float)
WIDE = np.arange(-30, 31, dtype=float)


def stars(number, seed, noise=0.0):
    """Stamps of unit-noise stars with their fluxes and offsets."""
    random = np.random.default_rng(seed)
    flux, dx, dy = 10 ** random.uniform(3, 4, number), *random.uniform(-0.5, 0.5, (2, number))
    shape = moffat(GRID[None, None, :] - dx[:, None, None], GRID[None, :, None] - dy[:, None, None], FWHM, BETA)
    return flux[:, None, None] * shape + noise * random.normal(size=shape.shape), flux, dx, dy


@pytest.fixture(scope="module")
def psf():
    stamps, flux, dx, dy = stars(40, 1)
    return fit_psf(stamps, flux, np.zeros(40), dx, dy, RADIUS, 2.5)


def test_the_profile_of_the_stars_is_found(psf):
    assert psf.fwhm == pytest.approx(FWHM, rel=0.01)
    offset = np.linspace(-5, 5, 31)
    np.testing.assert_allclose(psf(offset, 0 * offset), moffat(offset, 0 * offset, FWHM, BETA), atol=2e-4)


def test_flux_and_centre_are_found_from_a_rough_centre_and_an_unknown_level(psf):
    stamps, flux, dx, dy = stars(20, 2, noise=1.0)
    fit = fit_stars(psf, stamps + 7.0, np.ones_like(stamps), np.zeros(20), np.zeros(20), RADIUS)
    np.testing.assert_allclose(fit.flux, flux, rtol=0.03)
    np.testing.assert_allclose(np.column_stack([fit.dx, fit.dy]), np.column_stack([dx, dy]), atol=0.03)
    np.testing.assert_allclose(fit.sky, 7.0, atol=0.5)


def test_residuals_are_noise_within_the_circle_and_zero_beyond(psf):
    stamps, _, dx, dy = stars(20, 3, noise=1.0)
    fit = fit_stars(psf, stamps, np.ones_like(stamps), dx, dy, RADIUS)
    assert fit.residual[fit.inside].std() == pytest.approx(1.0, abs=0.05)
    assert not fit.residual[~fit.inside].any()


@pytest.mark.bits
@settings(max_examples=10, deadline=None)
@given(number=st.integers(1, 9), row=st.integers(0, 8), seed=st.integers(0, 99))
def test_each_star_is_fitted_by_itself(psf, number, row, seed):
    row %= number
    stamps, _, dx, dy = stars(number, seed, noise=1.0)
    together = fit_stars(psf, stamps, np.ones_like(stamps), dx, dy, RADIUS)
    one = slice(row, row + 1)
    alone = fit_stars(psf, stamps[one], np.ones_like(stamps[one]), dx[one], dy[one], RADIUS)
    for name in ("flux", "dx", "dy", "sky", "residual"):
        np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[row])


def test_pixels_without_a_value_take_no_part(psf):
    stamps, flux, dx, dy = stars(3, 4)
    stamps[:, HALF, HALF + 3] = np.nan
    fit = fit_stars(psf, stamps, np.ones_like(stamps), dx, dy, RADIUS)
    np.testing.assert_allclose(fit.flux, flux, rtol=0.01)
    assert np.isfinite(fit.residual).all()


@settings(max_examples=20, deadline=None)
@given(
    slope=st.lists(st.floats(-0.2, 0.2), min_size=6, max_size=6),
    place=st.lists(st.floats(-3000, 3000), min_size=4, max_size=4),
)
def test_a_stretched_psf_holds_all_light_and_each_star_has_that_of_its_own_place(psf, slope, place):
    slope = np.reshape(slope, (3, 2)) * [[1.0], [1.0], [0.2]]
    varied = replace(psf, variation=Variation(np.array([1000.0, 700.0]), np.array([900.0, 600.0]), slope))
    place = np.reshape(place, (2, 2))
    x, y = (np.broadcast_to(axis, (2, len(WIDE), len(WIDE))) for axis in (WIDE, WIDE[:, None]))
    both = varied.at(place)(x, y)
    np.testing.assert_allclose(varied.at(place[1:])(x[1:], y[1:])[0], both[1], rtol=1e-12, atol=1e-15)
    usual = psf(*np.meshgrid(WIDE, WIDE)).sum()
    np.testing.assert_allclose(both.sum(axis=(1, 2)), usual, rtol=0.02)


def test_beyond_the_stars_the_psf_is_that_at_the_edge_of_their_box():
    variation = Variation(
        np.array([100.0, 50.0]), np.array([80.0, 40.0]), np.array([[0.1, 0.0], [0.0, 0.2], [0.0, 0.0]])
    )
    edge, beyond, middle = variation.stretch(np.array([[180.0, 90.0], [900.0, 900.0], [100.0, 50.0]]))
    np.testing.assert_allclose(edge, [1.1, 1.2, 0.0])
    np.testing.assert_array_equal(beyond, edge)
    np.testing.assert_array_equal(middle, [1.0, 1.0, 0.0])
