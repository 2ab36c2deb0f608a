"""What a reader may return, and what is said of anything else."""

import re
from dataclasses import replace

import numpy as np
import pytest

from survey_batch.spectra.checks import fault_of, outside
from survey_batch.spectra.grid import Spectrum, log_grid, to_grid

WAVELENGTH = np.arange(4000.0, 4100.0)
GOOD = Spectrum(np.ones(100, "f4"), np.ones(100, "f4"), np.zeros(100, "i4"), np.nan, WAVELENGTH)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"mask": np.zeros(100, bool)},
        {"flux": np.ones(100, ">f8"), "ivar": np.ones(100, "i2")},
        {"start": 36025.5, "sampled": None},
        {"dispersion": np.ones(100, "f4")},
    ],
)
def test_a_well_made_spectrum_has_no_fault_and_can_be_put_on_the_grid(changes):
    spectrum = replace(GOOD, **changes)
    assert fault_of(spectrum) is None
    flux, _, _ = to_grid([spectrum], log_grid(4010, 4090))
    np.testing.assert_allclose(flux, 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flux": np.ones(95)}, r"shapes flux \(95,\), ivar \(100,\), mask \(100,\), wavelengths \(100,\)"),
        ({"sampled": WAVELENGTH[:-5]}, r"wavelengths \(95,\)"),
        ({"dispersion": np.ones(95)}, r"dispersion \(95,\)"),
        ({"flux": np.ones((1, 100))}, r"flux \(1, 100\)"),
        ({name: np.ones((2, 50), "i4") for name in ("flux", "ivar", "mask", "sampled")}, "with one dimension"),
        ({name: np.ones(1, "i4") for name in ("flux", "ivar", "mask", "sampled")}, "two pixels at least"),
        ({"mask": None}, "mask is of type NoneType and must be a numpy array"),
        ({"flux": [1.0] * 100}, "flux is of type list and must be a numpy array"),
        ({"mask": np.zeros(100)}, "mask holds float64 and must hold integers"),
        ({"flux": np.full(100, "1.0")}, "flux holds <U3 and must hold numbers"),
        ({"sampled": None}, "neither the first pixel of a log-linear grid nor wavelengths"),
        ({"start": WAVELENGTH, "sampled": None}, "is an array and must be a number"),
        ({"start": None}, "is NoneType and must be a number"),
        ({"mask": np.full(100, 1 << 16)}, "holds 65536 to 65536 and must hold 0 to 65535"),
        ({"mask": np.full(100, -1)}, "holds -1 to -1"),
        ({"start": 36000.0}, "with wavelengths, give NaN for the pixel"),
        ({"sampled": WAVELENGTH[::-1]}, "not increasing positive numbers"),
        ({"sampled": np.where(WAVELENGTH > 4050, np.nan, WAVELENGTH)}, "not increasing positive numbers"),
    ],
)
def test_what_is_wrong_with_a_spectrum_is_said(changes, said):
    fault = fault_of(replace(GOOD, **changes))
    assert fault is not None
    assert re.search(said, fault)


def test_wavelengths_that_do_not_reach_the_range_are_told_with_the_unit_that_they_may_have():
    assert outside(GOOD, 4050, 9000) is None
    said = "its wavelengths run from 400 to 409.9 Angstrom, and [spectra] from 3700 to 9100"
    nm = outside(replace(GOOD, sampled=WAVELENGTH / 10), 3700, 9100)
    assert nm == f"{said}. If they are nm, the survey's reader must turn them into Angstrom"
    assert "If they are microns" in outside(replace(GOOD, sampled=WAVELENGTH / 1e4), 3700, 9100)
    assert (
        outside(GOOD, 6000, 9000) == "its wavelengths run from 4000 to 4099 Angstrom, and [spectra] from 6000 to 9000"
    )
