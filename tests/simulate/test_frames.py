"""Files of simulated frames: what their cards and tables say."""

import bz2
import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from survey_batch.simulate.frames import CAMERA_ROWS, SECONDS_BETWEEN_BANDS, SECONDS_PER_ROW, frame_bytes
from survey_batch.simulate.pixels import DETECTORS, calibration_vector
from survey_batch.simulate.strip import NODE, PIXEL, Strip

STRIP = Strip(rerun=301, run=9001, camcol=2, first_field=10, fields=2, shape=(160, 64))


def made(field=10, band="r"):
    pixels = np.arange(160 * 64, dtype=np.float32).reshape(160, 64)
    hdus = fits.open(io.BytesIO(bz2.decompress(frame_bytes(STRIP, field, band, pixels))))
    hdus.verify("exception")
    return hdus, pixels


def test_pixels_and_calibration_are_those_given():
    hdus, pixels = made()
    np.testing.assert_array_equal(hdus[0].data, pixels)
    np.testing.assert_array_equal(hdus[1].data, calibration_vector("r", 64))
    assert hdus[0].header["NMGY"] == DETECTORS["r"].nanomaggy_per_count


@pytest.mark.parametrize(("band", "row"), list(zip(CAMERA_ROWS, range(5), strict=True)))
def test_bands_follow_each_other_over_the_sky(band, row):
    first, here = (made(band=name)[0][0].header for name in ("r", band))
    assert here["TAI"] - first["TAI"] == pytest.approx(row * SECONDS_BETWEEN_BANDS, abs=0.011)
    assert (here["FRAME"], here["CAMROW"], here["CCDLOC"]) == (10 + 2 * row, row + 1, 10 * (row + 1) + 2)
    assert here["FILTER"] == band


def test_the_next_field_begins_as_many_rows_later_as_fields_do():
    first, second = (made(field)[0][0].header for field in (10, 11))
    assert second["TAI"] - first["TAI"] == pytest.approx(STRIP.step * SECONDS_PER_ROW, abs=0.011)


def test_the_wcs_is_that_of_the_strip():
    header = made(11, "z")[0][0].header
    x, y = np.array([0.0, 63.0, 31.0]), np.array([0.0, 159.0, 80.0])
    ra, dec = WCS(header).pixel_to_world_values(x, y)
    wanted = STRIP.sky(11 * STRIP.step + y, x, "z")
    np.testing.assert_allclose([ra, dec], wanted, rtol=0, atol=0.01 * PIXEL)


def test_the_sky_s_grid_spans_the_frame():
    sky = made()[0][2].data[0]
    height, width = sky["ALLSKY"].shape
    assert (sky["XINTERP"][0], sky["XINTERP"][-1]) == (0, width - 1)
    assert (sky["YINTERP"][0], sky["YINTERP"][-1]) == (0, height - 1)
    assert (len(sky["XINTERP"]), len(sky["YINTERP"])) == (64, 160)
    assert (sky["ALLSKY"] > 0).all()


def test_the_table_of_the_great_circle_names_the_field_and_where_it_begins():
    row = made(11, "g")[0][3].data[0]
    assert (row["RUN"], row["CAMCOL"], row["FIELD"], row["RERUN"], row["FILTER"]) == (9001, 2, 11, "301", "g")
    mu, nu = STRIP.mu_nu(np.array(11.0 * STRIP.step), np.array(0.0), "g")
    assert (row["A"], row["D"]) == (pytest.approx(float(mu)), pytest.approx(float(nu)))
    assert (row["B"], row["F"], row["C"], row["E"]) == (PIXEL, PIXEL, 0, 0)
    assert (row["NODE"], row["INCL"]) == (NODE, pytest.approx(STRIP.inclination))
