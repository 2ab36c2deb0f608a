import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.smooth import bridge, smooth


def line(centre, size=201, width=4.0):
    x = np.arange(size)
    return (1 - 0.5 * np.exp(-0.5 * ((x - centre) / width) ** 2)).astype("f4")[None]


def centroid(flux):
    depth = 1 - flux[0].astype("f8")
    return np.sum(depth * np.arange(depth.size)) / depth.sum()


@given(st.integers(1, 12), st.integers(0, 4), st.floats(80, 120))
@settings(max_examples=60, deadline=None)
def test_a_symmetric_line_stays_where_it_is(half, order, centre):
    window = 2 * half + 1
    if order < window:
        assert centroid(smooth(line(centre), window, order)) == pytest.approx(centre, abs=0.002)


@pytest.mark.parametrize("window", [2, 10, 0, -3])
def test_even_window_is_refused(window):
    with pytest.raises(ConfigurationError, match="half a pixel"):
        smooth(line(100), window)


def test_a_window_not_longer_than_the_order_is_refused():
    with pytest.raises(ConfigurationError, match="smoothing_order"):
        smooth(line(100), 3, 3)


def test_a_window_longer_than_the_spectrum_is_refused():
    with pytest.raises(ConfigurationError, match="201 pixels"):
        smooth(line(100), 203)


def test_a_window_of_one_changes_nothing():
    np.testing.assert_array_equal(smooth(line(100), 1), line(100))


def test_it_is_the_filter_of_scipy_away_from_the_ends():
    flux = np.random.default_rng(0).normal(size=(3, 300))
    expected = savgol_filter(flux, 9, 3, axis=-1)
    np.testing.assert_allclose(smooth(flux.astype("f4"), 9, 3)[:, 4:-4], expected[:, 4:-4], atol=1e-6)


def test_bad_pixels_stay_bad_and_touch_nothing_else():
    flux = np.full((2, 100), 3, "f4")
    flux[0, [0, 1, 40, 41, 99]] = np.nan
    flux[1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        smoothed = smooth(flux, 7)
    np.testing.assert_array_equal(np.isnan(smoothed), np.isnan(flux))
    np.testing.assert_allclose(smoothed[np.isfinite(flux)], 3, rtol=1e-6)


@given(st.integers(0, 1000), st.floats(0, 0.95))
@settings(max_examples=50, deadline=None)
def test_bridging_is_linear_interpolation(seed, share):
    rng = np.random.default_rng(seed)
    flux = rng.normal(size=(2, 50)).astype("f4")
    flux[rng.uniform(size=flux.shape) < share] = np.nan
    flux[:, rng.integers(50)] = 1
    for row, bridged in zip(flux, bridge(flux), strict=True):
        good = np.flatnonzero(np.isfinite(row))
        np.testing.assert_allclose(bridged, np.interp(np.arange(50), good, row[good]), atol=1e-5)
