"""Pixels around rest-frame wavelengths, and means over windows that end inside pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.spectra.grid import STEP, log_grid
from survey_batch.spectra.spans import Windows, reach_of
from survey_batch.spectra.windows import MARGIN, CleanSpectra, share_of_pixels

WAVELENGTH = log_grid(4000.0, 4400.0)


def windows(centres, span):
    return Windows(np.array(centres), [span] * len(centres), [reach_of([span])] * len(centres))


def around(flux, centres=(4200.0,), span=(-5.0, 5.0), redshift=0.0, ivar=None, mask=None):
    flux = np.atleast_2d(flux).astype(np.float32)
    ivar = np.ones(flux.shape, np.float32) if ivar is None else ivar
    mask = np.zeros(flux.shape, np.int32) if mask is None else mask
    spectra = CleanSpectra.of(WAVELENGTH, flux, ivar, mask, np.full(len(flux), redshift))
    return spectra.pixels(windows(centres, span))


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
    mean, variance, position = around(flux, [centre]).means()
    assert mean.item() == pytest.approx(100 + slope * (place + position.item()), rel=1e-5)
    assert position.item() == pytest.approx(0, abs=0.05)
    assert variance.item() == pytest.approx(1 / 10, rel=0.06)


def test_a_redshift_moves_the_window_and_keeps_the_rest_frame_width():
    flux = np.zeros(WAVELENGTH.size)
    flux[WAVELENGTH > 4250] = 1
    at_rest, moved = around(flux, [4200.0]), around(flux, [4200.0], redshift=0.03)
    assert at_rest.means()[0].item() == 0
    assert moved.means()[0].item() == 1
    width = 4200 * STEP * np.log(10)
    assert at_rest.width.mean() == pytest.approx(width, rel=3e-4)
    assert moved.width.mean() == pytest.approx(width, rel=3e-4)


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
    assert pixels.share.sum() == pytest.approx(10 - 3)
    assert np.count_nonzero(pixels.flux) == np.count_nonzero(pixels.variance) == np.count_nonzero(around(flux).flux) - 2
    assert pixels.means()[0].item() == pytest.approx(7)
    assert not around(flux, [3000.0]).share.any()
    assert np.isnan(around(flux, [3000.0]).means()[0]).all()


def test_a_window_of_which_less_than_half_is_good_has_no_mean():
    flux, mask = np.full((1, WAVELENGTH.size), 7.0), np.zeros((1, WAVELENGTH.size), np.int32)
    mask[WAVELENGTH[None] > 4200.5] = 1
    assert np.isnan(around(flux, mask=mask, span=(-1.0, 5.0)).means()[0]).all()
    assert around(flux, mask=mask, span=(-5.0, 1.0)).means()[0].item() == pytest.approx(7)


def test_a_window_that_might_leave_the_margins_is_refused():
    with pytest.raises(ValueError, match="does not fit into a margin"):
        around(np.ones(WAVELENGTH.size), span=(-float(MARGIN), float(MARGIN)))


@pytest.mark.bits
def test_objects_with_one_redshift_are_measured_as_among_others():
    flux = np.random.default_rng(1).normal(100, 1, (4, WAVELENGTH.size))
    alike = around(flux, [4150.0, 4250.0], redshift=0.001)
    redshift = np.array([0.001, 0.001, 0.001, 0.002])
    arguments = (flux.astype(np.float32), np.ones(flux.shape, np.float32), np.zeros(flux.shape, np.int32), redshift)
    mixed = CleanSpectra.of(WAVELENGTH, *arguments).pixels(windows([4150.0, 4250.0], (-5.0, 5.0)))
    assert len(alike.x) == 1
    for one, other in zip(alike.means(), mixed.means(), strict=True):
        np.testing.assert_array_equal(one[:3], other[:3])
    np.testing.assert_array_equal(np.broadcast_to(alike.width, mixed.width.shape)[:3], mixed.width[:3])
