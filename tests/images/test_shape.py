import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.images.photometry import aperture_flux, circle_overlap, total
from survey_batch.images.shape import (
    BISECTIONS,
    FWHM,
    GAUSSIAN_SHARE,
    PSF_WEIGHTS,
    PSF_WIDTHS,
    SMALLEST_SIGNAL,
    Symmetric,
    _gaussian,
    adaptive_moments,
    gaussian_share,
    half_light_radius,
    point_source_flux,
)
from survey_batch.images.stamps import make_stamps
from survey_batch.simulate import pixels
from tests.compare import equal_bits

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


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(2, 20))
def test_radii_equal_those_of_circles_drawn_on_the_whole_stamp(seed, reach):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(31, 32, (2, 12))
    images = np.concatenate(
        [ellipse(*at, np.eye(2) * s**2) for *at, s in zip(x, y, rng.uniform(1, 8, 12), strict=True)]
    )
    images += rng.normal(0, 10 ** rng.uniform(-4, 1, (12, 1, 1)), images.shape).astype("f4")
    images[rng.random(images.shape) < 0.02] = np.nan
    stamps = make_stamps(images, x, y, RING)
    near = stamps.around(reach)
    whole, error, _ = aperture_flux(stamps, reach)
    low, high, under, over = np.zeros(12), np.full(12, reach), -whole / 2, whole / 2
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        shares = circle_overlap(near.x.astype("f4"), near.y.astype("f4"), middle, near.half)
        excess = total(shares * near.values) - whole / 2
        less = excess < 0
        low, under = np.where(less, middle, low), np.where(less, excess, under)
        high, over = np.where(less, high, middle), np.where(less, over, excess)
    with np.errstate(all="ignore"):
        expected = np.where(whole > SMALLEST_SIGNAL * error, low + (high - low) * under / (under - over), np.nan)
    np.testing.assert_array_equal(half_light_radius(stamps, reach), expected)


@given(seed=st.integers(0, 2**32 - 1), round_one=st.booleans())
def test_weights_equal_the_formula_term_by_term(seed, round_one):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1, 1, (2, 5))
    xx, yy = rng.uniform(0.3, 9, (2, 5))
    covariance = Symmetric(xx, np.zeros(5) if round_one else rng.uniform(-0.9, 0.9, 5) * np.sqrt(xx * yy), yy)
    precision, offset = covariance.inverse, np.arange(-7, 8)
    for row, weight in enumerate(_gaussian(7, x, y, covariance)):
        u, v = offset - x[row], offset - y[row]
        cross, along, across = (
            term.astype("f4")
            for term in (precision.xy[row] * u, precision.xx[row] / 2 * u**2, precision.yy[row] / 2 * v**2)
        )
        plain = (v.astype("f4")[:, None] * -cross - along) - across[:, None]
        assert equal_bits(weight, np.exp(np.maximum(plain, np.float32(-60))))


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
