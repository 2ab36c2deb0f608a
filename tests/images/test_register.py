"""Resampling: where an object lands, what becomes of flux, background and noise, and what missing pixels do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.cutout import cut
from survey_batch.images.register import MARGIN, Span, pixel_span, resample, resample_ivar, subpixel_span, taps

SIZE = 40
POSITION = st.floats(100, 101)


def star(x, y, fwhm, shape=(200, 200)):
    """A star of flux 100, sampled at pixel centres."""
    sigma = fwhm / 2.3548
    row, column = np.indices(shape)
    light = np.exp(-((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2))
    return (100 / (2 * np.pi * sigma**2) * light).astype(np.float32)


def windows_of(image, x, y, size=SIZE):
    spans = [subpixel_span(np.atleast_1d(np.float64(value)), size) for value in (x, y)]
    return cut(image, spans[0].start, spans[1].start, size + MARGIN), *spans


def centroid(image):
    row, column = np.indices(image.shape)
    total = image.sum(dtype=np.float64)
    return (column * image).sum(dtype=np.float64) / total, (row * image).sum(dtype=np.float64) / total


@given(x=POSITION, y=POSITION, fwhm=st.floats(2.5, 4.0))
def test_a_star_keeps_its_flux_and_lands_in_the_middle(x, y, fwhm):
    image = resample(*windows_of(star(x, y, fwhm), x, y))[0]
    assert image.sum(dtype=np.float64) == pytest.approx(100, rel=1e-5)
    assert centroid(image) == pytest.approx((19.5, 19.5), abs=1e-3)


@pytest.mark.parametrize("fwhm", [2.8, 3.3, 3.9])
@pytest.mark.parametrize("shift", [(0.5, 0.5), (0.25, 0.9)])
def test_a_star_looks_as_it_would_have_in_the_middle(fwhm, shift):
    x, y = 100 + shift[0], 100 + shift[1]
    image = resample(*windows_of(star(x, y, fwhm), x, y, 41))[0]
    expected = star(20, 20, fwhm, (41, 41))
    np.testing.assert_allclose(image, expected, atol=6e-3 * expected.max())


@pytest.mark.parametrize(("size", "middle"), [(64, 31.5), (33, 16.0)])
def test_the_object_lies_in_the_middle_of_even_and_odd_cutouts(size, middle):
    span = subpixel_span(np.array([100.3, 7.0]), size)
    assert span.inside.tolist() == [middle, middle]
    np.testing.assert_allclose(span.first + span.inside, [100.3, 7.0], atol=1e-12)


def test_pixels_as_they_are_lie_within_half_a_pixel_of_the_middle():
    span = pixel_span(np.linspace(90, 95, 101), 64)
    assert np.abs(span.inside - 31.5).max() <= 0.5


@given(value=st.floats(-1e3, 1e3, width=32), fraction=st.floats(0, 1, exclude_max=True))
def test_a_constant_stays_what_it_is(value, fraction):
    image = np.full((60, 60), value, np.float32)
    assert (resample(*windows_of(image, 30 + fraction, 30.3, 8)) == np.float32(value)).all()


@given(fraction=st.floats(0, 1, exclude_max=True))
def test_noise_keeps_at_least_what_is_said_of_its_variance(fraction):
    weights = taps(np.array([fraction]))[0]
    share = (weights**2).sum()
    assert weights.sum() == pytest.approx(1)
    assert 0.839 <= share <= 1 + 1e-12
    assert abs((weights[1:] * weights[:-1]).sum()) <= 0.183 * share


def test_an_object_on_a_pixel_of_an_odd_cutout_is_not_resampled():
    image = np.random.default_rng(1).normal(size=(100, 100)).astype(np.float32)
    np.testing.assert_allclose(resample(*windows_of(image, 50.0, 40.0, 9))[0], image[36:45, 46:55], atol=1e-6)


def test_where_the_kernel_touches_a_missing_pixel_there_is_none():
    image = np.ones((100, 100), np.float32)
    image[50, 50] = np.nan
    windows, x, y = windows_of(image, 50.5, 50.5, 20)  # pixel j lies at 41 + j, and needs the pixels 37 + j to 46 + j
    shifted = Span(x.position, x.start, x.first + 0.5, x.inside)
    missing = np.isnan(resample(windows, shifted, y))[0]
    assert missing.any(axis=0).sum() == missing.any(axis=1).sum() == 10
    assert missing.sum() == 100


def test_the_variance_is_that_of_resampled_noise():
    rng = np.random.default_rng(2)
    n, sigma = 4000, 0.2
    noise = rng.normal(0, sigma, (n, 4 + MARGIN, 4 + MARGIN)).astype(np.float32)
    x, y = (subpixel_span(np.full(n, value), 4) for value in (20.0, 20.3))  # half a pixel, and 0.8 of one
    ivar = resample_ivar(np.full_like(noise, 1 / sigma**2), x, y)
    assert np.unique(ivar).size == 1
    assert resample(noise, x, y).std() * np.sqrt(ivar[0, 0, 0]) == pytest.approx(1, abs=0.02)
    assert ivar[0, 0, 0] > 1 / sigma**2


def test_the_ivar_is_0_just_where_the_flux_is_missing():
    image = np.ones((100, 100), np.float32)
    image[:, :30] = np.nan
    windows, x, y = windows_of(image, 40.3, 50.7, 30)
    ivar = np.where(np.isfinite(windows), np.float32(4), np.float32(0))
    np.testing.assert_array_equal(resample_ivar(ivar, x, y) == 0, np.isnan(resample(windows, x, y)))


@pytest.mark.parametrize("kernel", [resample, resample_ivar])
def test_a_row_alone_is_bit_for_bit_the_row_in_a_block(kernel):
    rng = np.random.default_rng(3)
    n = 7
    windows = rng.uniform(1, 2, (n, 64 + MARGIN, 64 + MARGIN)).astype(np.float32)
    x, y = (subpixel_span(rng.uniform(100, 200, n), 64) for _ in "xy")
    whole = kernel(windows, x, y)
    for i in range(n):
        one = np.arange(n) == i
        np.testing.assert_array_equal(kernel(windows[one], x.take(one), y.take(one)), whole[one])
