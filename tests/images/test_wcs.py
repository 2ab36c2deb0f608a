import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.frame import DistortedWcs, FrameWcs
from survey_batch.images.wcs import pixel_to_sky, sky_to_pixel, tangent_at

WCS_VALUES = FrameWcs(
    crval=np.array([64.2160901579, 1.05182842874]),
    crpix=np.array([1025.0, 745.0]),
    cd=np.array([[-8.12544289023e-09, 0.000109982608743], [0.000110010272147, -1.51559024137e-08]]),
)


@given(st.lists(st.tuples(st.floats(64.0, 64.4), st.floats(0.8, 1.3)), min_size=1, max_size=20))
def test_pixels_equal_those_of_astropy_from_the_header(positions):
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"})
    for axis in (0, 1):
        header[f"CRVAL{axis + 1}"], header[f"CRPIX{axis + 1}"] = WCS_VALUES.crval[axis], WCS_VALUES.crpix[axis]
        for other in (0, 1):
            header[f"CD{axis + 1}_{other + 1}"] = WCS_VALUES.cd[axis, other]
    ra, dec = np.array(positions).T
    np.testing.assert_array_equal(sky_to_pixel(WCS_VALUES, ra, dec), WCS(header).all_world2pix(ra, dec, 0))


def distorted():
    header = fits.Header({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CUNIT1": "deg", "CUNIT2": "deg"})
    header.update({"CRVAL1": 150.0, "CRVAL2": 40.0, "CRPIX1": 1000.0, "CRPIX2": 1000.0, "CD1_1": -7e-5, "CD2_2": 7e-5})
    header.update({"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-6, "B_1_1": 3e-6})
    return DistortedWcs(WCS(header))


def test_a_position_far_from_a_distorted_frame_has_no_pixel():
    far = sky_to_pixel(distorted(), np.array([330.0, 150.0, np.nan]), np.array([-40.0, -51.0, 40.0]))
    assert np.isnan(far).all()


@given(st.lists(st.tuples(st.floats(32, 2000), st.floats(32, 2000)), min_size=1, max_size=5))
def test_the_tangent_of_a_distorted_wcs_holds_around_each_position(places):
    wcs = distorted()
    x, y = np.array(places).T
    local = tangent_at(wcs, *pixel_to_sky(wcs, x, y))
    for number, (column, row) in enumerate(places):
        one = FrameWcs(local.crval[number], local.crpix[number], local.cd[number])
        corners = column + np.array([-32.0, 0, 32, 32]), row + np.array([32.0, 0, 32, -32])
        sky = pixel_to_sky(wcs, *corners)
        assert np.abs(np.subtract(sky_to_pixel(one, *sky), corners)).max() < 0.02
        assert np.abs(np.subtract(sky_to_pixel(one, *sky), corners))[:, 1].max() < 1e-4


def test_a_plain_wcs_is_its_own_tangent():
    assert tangent_at(WCS_VALUES, np.zeros(2), np.zeros(2)) is WCS_VALUES
