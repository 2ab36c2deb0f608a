import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.frame import FrameWcs
from survey_batch.images.wcs import sky_to_pixel

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
