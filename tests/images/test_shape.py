import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.images.shape import (
    FWHM,
    GAUSSIAN_SHARE,
    PSF_WEIGHTS,
    PSF_WIDTHS,
    adaptive_moments,
    gaussian_share,
    half_light_radius,
    point_source_flux,
)
from survey_batch.images.stamps import make_stamps
from survey_batch.simulate import pixels

RING, REACH = (15.0, 25.0), 15.0


def ellipse(x, y, covariance, size=64):
    """A Gaussian of flux 100, sampled at pixel centres: (1, size, size)."""
    u, v = np.arange(size) - x, np.arange(size)[:, None] - y
    (xx, xy), (_, yy) = np.linalg.inv(covariance)
    light = np.exp(-(xx * u**2 + 2 * xy * u * v + yy * v**2) / 2)
    return (100 * light / (2 * np.pi * np.sqrt(np.linalg.det(covariance))))[None].astype("f4")


def turned(sigma, ratio, angle):
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return turn @ np.diag([sigma**2, (ratio * sigma) ** 2]) @ turn.T


@settings(deadline=None, max_examples=50)
@given(
    sigma=st.floats(2.2, 4.5),
    ratio=st.floats(0.5, 1.0),
    angle=st.floats(0, np.pi),
    off=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_the_covariance_and_centre_of_a_well_sampled_gaussian_are_found(sigma, ratio, angle, off):
    expected = turned(sigma, ratio, angle)
    x, y = np.array([31.6]), np.array([31.2])
    stamps = make_stamps(ellipse(x[0] + off[0], y[0] + off[1], expected), x, y, RING)
    shapes = adaptive_moments(stamps, REACH)
    found = [getattr(shapes.covariance, name)[0] for name in ("xx", "xy", "yy")]
    assert shapes.measured.all()
    np.testing.assert_allclose(found, [expected[0, 0], expected[0, 1], expected[1, 1]], atol=0.02 * sigma**2)
    assert shapes.x[0] - stamps.x[0] == pytest.approx(off[0], abs=0.01)
    assert shapes.y[0] - stamps.y[0] == pytest.approx(off[1], abs=0.01)


def test_light_that_lies_elsewhere_is_not_the_object():
    stamps = make_stamps(ellipse(36, 31, np.eye(2) * 2), np.array([31.5]), np.array([31.5]), RING)
    assert not adaptive_moments(stamps, REACH).measured[0]


def test_half_of_a_gaussian_s_light_lies_within_its_known_radius():
    for sigma in (1.5, 2.5, 4.0):
        stamps = make_stamps(ellipse(31.7, 31.4, np.eye(2) * sigma**2), np.array([31.7]), np.array([31.4]), RING)
        expected = sigma * np.sqrt(2 * np.log(2))
        assert half_light_radius(stamps, REACH)[0] == pytest.approx(expected, abs=0.06)


def test_a_filter_as_wide_as_a_gaussian_finds_its_flux():
    stamps = make_stamps(ellipse(31.7, 31.4, np.eye(2) * 2.25), np.array([31.7]), np.array([31.4]), RING)
    flux, _ = point_source_flux(stamps, stamps.x, stamps.y, np.array([2.25]), REACH)
    assert flux[0] * GAUSSIAN_SHARE == pytest.approx(100, rel=1e-3)


def test_the_share_of_a_pure_gaussian_is_one():
    assert gaussian_share((1.0,), (1.7,)) == pytest.approx(1, abs=1e-9)
    assert gaussian_share((0.5, 0.5), (1.0, 1.0)) == pytest.approx(1, abs=1e-9)


def test_the_share_does_not_depend_on_the_seeing():
    wider = tuple(1.6 * width for width in PSF_WIDTHS)
    assert gaussian_share(PSF_WEIGHTS, wider) == pytest.approx(GAUSSIAN_SHARE, abs=1e-6)
    assert 0.85 < GAUSSIAN_SHARE < 1


def test_simulated_stars_have_the_psf_that_is_assumed():
    np.testing.assert_array_equal(pixels.PSF_WEIGHTS, PSF_WEIGHTS)
    np.testing.assert_array_equal(pixels.PSF_WIDTHS, PSF_WIDTHS)


def test_noise_alone_has_no_radius():
    images = np.random.default_rng(1).normal(0, 0.03, (20, 64, 64)).astype("f4")
    stamps = make_stamps(images, np.full(20, 31.5), np.full(20, 31.5), RING)
    assert np.isnan(half_light_radius(stamps, REACH)).all()


def test_fwhm_is_that_of_a_gaussian():
    assert np.exp(-((FWHM / 2) ** 2) / 2) == pytest.approx(0.5)
