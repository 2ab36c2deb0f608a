"""Where the releases keep a spectrum, after the survey's own table of paths."""

import pytest

from survey_batch.core.errors import InvalidError
from survey_batch.surveys.sdss_spectra.paths import spectrum_path

NONE = {"run2d": "", "plate": -1, "fieldid": -1, "mjd": -1, "fiberid": -1, "catalogid": ""}
LEGACY = {**NONE, "run2d": "26", "plate": 266, "mjd": 51630, "fiberid": 7}
EBOSS = {**NONE, "run2d": "v5_13_2", "plate": 11675, "mjd": 58523, "fiberid": 1000}
SDSS5 = {**NONE, "run2d": "v6_1_3", "fieldid": 15000, "mjd": 59146, "catalogid": "4375924486"}
BOSS = "spectro/boss/redux"
FIRST = {**SDSS5, "run2d": "v6_0_4", "fieldid": 15000}


@pytest.mark.parametrize(
    ("row", "release", "files", "path"),
    [
        (LEGACY, "dr17", "lite", "sdss/spectro/redux/26/spectra/lite/0266/spec-0266-51630-0007.fits"),
        (LEGACY, "dr8", "full", "sdss/spectro/redux/26/spectra/0266/spec-0266-51630-0007.fits"),
        (EBOSS, "dr12", "lite", "boss/spectro/redux/v5_13_2/spectra/lite/11675/spec-11675-58523-1000.fits"),
        (EBOSS, "dr17", "full", "eboss/spectro/redux/v5_13_2/spectra/full/11675/spec-11675-58523-1000.fits"),
        (
            SDSS5,
            "dr19",
            "lite",
            f"{BOSS}/v6_1_3/spectra/lite/015000/59146/spec-015000-59146-4375924486.fits",
        ),
        (
            {**SDSS5, "plate": 15000, "fiberid": 7},
            "dr19",
            "lite",
            f"{BOSS}/v6_1_3/spectra/lite/015000/59146/spec-015000-59146-4375924486.fits",
        ),
        (
            FIRST,
            "dr18",
            "full",
            f"{BOSS}/v6_0_4/spectra/full/15000p/59146/spec-15000-59146-04375924486.fits",
        ),
    ],
)
def test_a_spectrum_is_looked_for_where_its_release_has_it(row, release, files, path):
    assert spectrum_path(row, release, files, None) == path


def test_a_row_without_a_reduction_takes_that_of_the_job():
    assert spectrum_path({**EBOSS, "run2d": ""}, "dr17", "lite", "v5_13_0").startswith("eboss/spectro/redux/v5_13_0/")
    with pytest.raises(InvalidError, match="archive.run2d sets one"):
        spectrum_path({**EBOSS, "run2d": ""}, "dr17", "lite", None)


@pytest.mark.parametrize(
    ("row", "release", "said"),
    [
        (NONE, "dr17", "neither plate, mjd and fiberid nor fieldid"),
        (SDSS5, "dr17", "one of SDSS-V, which release 'dr17' does not have"),
        (LEGACY, "dr19", "for plates, name an earlier one"),
    ],
)
def test_a_row_that_the_release_cannot_have_is_told(row, release, said):
    with pytest.raises(InvalidError, match=said):
        spectrum_path(row, release, "lite", "26")
