"""Geometry of the simulated drift scan."""

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.simulate.strip import PIXEL, Strip, great_circle_to_equatorial, tangent_plane

CAMCOLS = st.integers(1, 6)
BANDS = st.sampled_from("ugriz")


def astropy_wcs(strip, field, band):
    parts = strip.wcs(field, band)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cd = parts.crval, parts.crpix, parts.cd
    return wcs


@given(camcol=CAMCOLS, band=BANDS, field=st.integers(11, 800))
def test_every_fields_tan_is_the_strip_to_half_a_hundredth_of_a_pixel(camcol, band, field):
    strip = Strip(301, 1, camcol, field, 1, (1489, 2048))
    x, y = np.meshgrid(np.linspace(0, 2047, 5), np.linspace(0, 1488, 5))
    sky = strip.sky(strip.first_row + y, x, band)
    x2, y2 = astropy_wcs(strip, field, band).world_to_pixel_values(*sky)
    assert np.abs(np.hypot(x2 - x, y2 - y)).max() < 0.005


@given(camcol=CAMCOLS, row=st.floats(0, 5e5), column=st.floats(0, 2047))
def test_bands_see_one_point_at_their_offsets(camcol, row, column):
    strip = Strip(301, 1, camcol, 100, 1, (1489, 2048))
    here = strip.sky(np.array(row), np.array(column), "r")
    there = strip.sky(np.array(row + 7.3), np.array(column + 2.35), "u")
    np.testing.assert_allclose(there, here, atol=1e-9)


@given(mu=st.floats(0, 360), nu=st.floats(-2, 2))
def test_great_circle_without_inclination_is_the_equator(mu, nu):
    ra, dec = great_circle_to_equatorial(np.array(mu), np.array(nu), 0.0)
    assert np.cos(np.radians(ra - mu)) == pytest.approx(1)
    assert dec == pytest.approx(nu)


def test_tangent_plane_keeps_small_angles():
    xi, eta = tangent_plane(np.array([10.001]), np.array([40.0]), 10.0, 40.0)
    assert xi[0] == pytest.approx(0.001 * np.cos(np.radians(40)), rel=1e-6)
    assert abs(eta[0]) < 1e-6


def test_rows_run_along_right_ascension_near_the_equator():
    cd = Strip(301, 1, 3, 100, 1, (1489, 2048)).wcs(100, "r").cd
    assert cd[0, 1] == pytest.approx(PIXEL, rel=1e-3)
    assert cd[1, 0] == pytest.approx(PIXEL, rel=1e-3)


@given(row=st.floats(0, 4 * 1361 + 1488))
def test_primary_field_holds_its_row(row):
    strip = Strip(301, 1, 3, 100, 5, (1489, 2048))
    field = int(strip.primary_field(np.array(strip.first_row + row)))
    assert 0 <= strip.first_row + row - field * strip.step <= 1488
