"""Pixels around rest-frame wavelengths, and means over windows that end inside pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.spectra.grid import STEP, log_grid
from survey_batch.spectra.windows import pixels_around, share_of_pixels, window_mean

WAVELENGTH = log_grid(4000.0, 4400.0)


def around(flux, centres=(4200.0,), span=(-5.0, 5.0), redshift=0.0, ivar=None, mask=None):
    flux = np.atleast_2d(flux).astype(np.float32)
    ivar = np.ones(flux.shape, np.float32) if ivar is None else ivar
    mask = np.zeros(flux.shape, np.int32) if mask is None else mask
    redshift = np.full(len(flux), redshift)
    return pixels_around(WAVELENGTH, flux, ivar, mask, redshift, np.array(centres), [span])


@given(st.floats(-8, 7), st.floats(0.1, 6))
def test_shares_of_pixels_add_up_to_the_window(low, width):
    x = np.arange(-20, 21) + 0.3
    shares = share_of_pixels(x, low, low + width)
    assert shares.sum() == pytest.approx(width)
    assert ((shares >= 0) & (shares <= 1)).all()


@given(st.floats(-4, 4), st.floats(4050, 4350))
def test_the_mean_of_a_straight_line_is_its_value_at_the_mean_position(slope, centre):
    flux = 100 + slope * np.arange(WAVELENGTH.size)
    place = np.interp(np.log10(centre), np.log10(WAVELENGTH), np.arange(WAVELENGTH.size))
    mean, variance, position = window_mean(around(flux, [centre]), (-5.0, 5.0))
    assert mean.item() == pytest.approx(100 + slope * (place + position.item()), rel=1e-5)
    assert position.item() == pytest.approx(0, abs=0.05)
    assert variance.item() == pytest.approx(1 / 10, rel=0.06)


def test_a_redshift_moves_the_window_and_keeps_the_rest_frame_width():
    flux = np.zeros(WAVELENGTH.size)
    flux[WAVELENGTH > 4250] = 1
    at_rest, moved = around(flux, [4200.0]), around(flux, [4200.0], redshift=0.03)
    assert window_mean(at_rest, (-5.0, 5.0))[0].item() == 0
    assert window_mean(moved, (-5.0, 5.0))[0].item() == 1
    width = 4200 * STEP * np.log(10)
    assert at_rest.width[0, 0].mean() == pytest.approx(width, rel=3e-4)
    assert moved.width[0, 0].mean() == pytest.approx(width, rel=3e-4)


@pytest.mark.parametrize("redshift", [np.nan, np.inf, -1.0, -5.0])
def test_a_redshift_that_is_none_counts_as_0(redshift):
    flux = np.arange(WAVELENGTH.size)
    np.testing.assert_array_equal(around(flux, redshift=redshift).flux, around(flux).flux)


def test_pixels_that_are_masked_weightless_or_off_the_grid_are_not_good():
    flux = np.full((1, WAVELENGTH.size), 7.0)
    ivar, mask = np.ones(flux.shape, np.float32), np.zeros(flux.shape, np.int32)
    centre = int(np.argmin(np.abs(WAVELENGTH - 4200)))
    ivar[0, centre], mask[0, centre + 1], flux[0, centre - 1] = 0, 4, np.nan
    pixels = around(flux, ivar=ivar, mask=mask)
    bad = ~pixels.good[0, 0]
    assert bad.sum() == 3
    assert not pixels.flux[0, 0][bad].any()
    assert window_mean(pixels, (-5.0, 5.0))[0].item() == pytest.approx(7)
    assert not around(flux, [3000.0]).good.any()
    assert np.isnan(window_mean(around(flux, [3000.0]), (-5.0, 5.0))[0]).all()


def test_a_window_of_which_less_than_half_is_good_has_no_mean():
    flux, mask = np.full((1, WAVELENGTH.size), 7.0), np.zeros((1, WAVELENGTH.size), np.int32)
    mask[WAVELENGTH[None] > 4200.5] = 1
    pixels = around(flux, mask=mask)
    assert np.isnan(window_mean(pixels, (-1.0, 5.0))[0]).all()
    assert window_mean(pixels, (-5.0, 1.0))[0].item() == pytest.approx(7)


@pytest.mark.bits
def test_objects_with_one_redshift_are_measured_as_among_others():
    flux = np.random.default_rng(1).normal(100, 1, (4, WAVELENGTH.size))
    alike = around(flux, [4150.0, 4250.0], redshift=0.001)
    redshift = np.array([0.001, 0.001, 0.001, 0.002])
    arguments = (flux.astype(np.float32), np.ones(flux.shape, np.float32), np.zeros(flux.shape, np.int32), redshift)
    mixed = pixels_around(WAVELENGTH, *arguments, np.array([4150.0, 4250.0]), [(-5.0, 5.0)])
    assert len(alike.x) == 1
    for one, other in zip(window_mean(alike, (-5.0, 5.0)), window_mean(mixed, (-5.0, 5.0)), strict=True):
        np.testing.assert_array_equal(one[:3], other[:3])
    np.testing.assert_array_equal(np.broadcast_to(alike.width, mixed.width.shape)[:3], mixed.width[:3])
