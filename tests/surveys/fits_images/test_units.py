"""Pixels become nanomaggies by what the job or the header says, and only then."""

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import UnreadableError
from survey_batch.surveys.fits_images.units import factor_of, linear


@pytest.mark.parametrize(
    ("cards", "zero_point", "factor"),
    [
        ({"BUNIT": "nanomaggy"}, None, 1.0),
        ({"BUNIT": "nanomaggies/pixel"}, None, 1.0),
        ({"BUNIT": "nJy"}, None, 1 / 3631),
        ({"BUNIT": "Jy/pixel"}, None, 1e6 / 3.631),
        ({"BUNIT": "uJy"}, None, 1 / 3.631),
        ({"MAGZERO": 25.0}, None, 0.1),
        ({"BUNIT": "adu", "MAGZPT": "27.5"}, None, 0.01),
        ({"MAGZERO": 25.0}, 27.5, 0.01),
        ({"MAGZERO": 25.0, "MINE": 20.0}, "MINE", 10.0),
        ({"BOFFSET": 0.0, "BSOFTEN": 1.0, "FPA.ZP": 25.0, "EXPTIME": 100.0}, None, 1e-3),
        ({"FLUXMAG0": 10**10.8}, None, 10 ** ((22.5 - 27) / 2.5)),
        ({"BUNIT": "nanomaggy", "MAGZERO": 25.0}, None, 1.0),
    ],
)
def test_the_job_comes_first_then_the_unit_then_the_zero_point(cards, zero_point, factor):
    assert factor_of(_header(cards), "nanomaggy", zero_point) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("cards", "unit", "zero_point", "said"),
    [
        ({}, "nanomaggy", None, "no unit that is known .*set archive.zero_point"),
        ({"BUNIT": "MJy/sr"}, "nanomaggy", None, "BUNIT 'MJy/sr'"),
        ({"BUNIT": "adu"}, "nanomaggy", "ZP", "header card ZP is None, not a number"),
        ({"MAGZERO": "good"}, "nanomaggy", None, "MAGZERO is 'good', not a number"),
        ({"BUNIT": "mag(AB)", "MAGZERO": 25.0}, "nanomaggy", None, "magnitudes"),
        ({"MAGZERO": 99.0}, "nanomaggy", None, "zero point is 99, which is no magnitude of a pixel"),
        ({"ZP": -999.0}, "nanomaggy", "ZP", "zero point is -999, "),
        ({"BUNIT": "mag/arcsec2", "MAGZERO": 25.0}, "nanomaggy", None, "magnitudes"),
        ({"BUNIT": "MJy/sr"}, "mJy/sr", None, "in 'MJy/sr' by BUNIT, and archive.unit is 'mJy/sr'"),
        ({"BUNIT": "electron"}, "adu", None, "in 'electron' by BUNIT, and archive.unit is 'adu'"),
    ],
)
def test_what_is_in_doubt_is_refused(cards, unit, zero_point, said):
    with pytest.raises(UnreadableError, match=said):
        factor_of(_header(cards), unit, zero_point)


def test_pixels_may_stay_as_they_are():
    assert factor_of(_header({"BUNIT": "ADU/pix", "MAGZERO": 25.0}), "adu", None) == 1
    assert factor_of(_header({}), "adu", None) == 1


def test_an_asinh_scale_is_undone():
    flux = np.array([-3.0, 0.0, 1e-3, 5.0, 1e5])
    cards = _header({"BOFFSET": 0.2, "BSOFTEN": 1.5})
    stored = 2.5 * np.log10(np.e) * np.arcsinh((flux - 0.2) / 3.0)
    np.testing.assert_allclose(linear(stored, cards), flux, atol=1e-12)
    np.testing.assert_array_equal(linear(stored, _header({"BSOFTEN": 1.5})), stored)


def _header(cards):
    made = fits.Header()
    for name, value in cards.items():
        made["HIERARCH " * ("." in name) + name] = value
    return made
