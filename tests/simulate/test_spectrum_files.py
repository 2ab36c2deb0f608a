"""Files of simulated spectra, as astropy and our reader see them."""

import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.simulate.fits_bytes import BLOCK
from survey_batch.simulate.spectrum_files import (
    COADD,
    COEFF0,
    COEFF1,
    SUBCONTINUUM,
    WAVELENGTH_F4,
    WAVELENGTH_F8,
    file_bytes,
)
from survey_batch.spectra.synthetic.observation import observe_spectrum
from survey_batch.spectra.synthetic.targets import draw_target
from survey_batch.surveys.lamost.files import read_spectrum

LAYOUTS = (WAVELENGTH_F4, WAVELENGTH_F8, SUBCONTINUUM, COADD)
TARGET = draw_target(7, 1)[0]


def made(layout):
    """The bytes of a file, and the observation in it."""
    wavelength = 10 ** (COEFF0 + COEFF1 * np.arange(layout.pixels))
    seen = observe_spectrum(wavelength, np.ones(layout.pixels), 30.0, np.random.default_rng(2), dead_share=0.02)
    return file_bytes(layout, "spec-1.fits", TARGET, seen), seen


def rows_of(hdus):
    if hdus[0].data is not None:
        return hdus[0].data
    return np.array([hdus[1].data[name][0] for name in hdus[1].columns.names])


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_file_is_valid_fits_and_holds_the_observation(layout):
    raw, seen = made(layout)
    assert len(raw) % BLOCK == 0
    with fits.open(io.BytesIO(raw)) as hdus:
        hdus.verify("exception")
        assert hdus[0].header["FILENAME"] == "spec-1.fits"
        rows = rows_of(hdus)
    normalized = seen.flux / seen.continuum
    third = normalized if layout is SUBCONTINUUM else seen.wavelength
    wanted = [seen.flux, seen.ivar, third, seen.and_mask, seen.or_mask, *([normalized] if layout is COADD else [])]
    np.testing.assert_array_equal(rows, np.array(wanted, dtype=layout.type_))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_our_reader_finds_the_same_spectrum(layout):
    raw, seen = made(layout)
    spectrum = read_spectrum(raw)
    np.testing.assert_array_equal(spectrum.flux, seen.flux.astype(layout.type_).astype(np.float32))
    assert spectrum.start == pytest.approx(1e4 * COEFF0, abs=0.01)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_headers_differ_as_those_of_the_releases(layout):
    header = fits.getheader(io.BytesIO(made(layout)[0]))
    new = layout in (WAVELENGTH_F4, COADD)
    assert ("OBSID" in header, "DATA_V" in header, "SNRR" in header, "SN_R" in header) == (new, new, new, not new)
    assert header.get("EXTEN0", "") == layout.content
    assert type(header["FIBERID"]) is (str if layout is WAVELENGTH_F8 else int)
    assert (header["RA"], header["Z"], header["VERSPIPE"]) == (TARGET.ra, TARGET.redshift, layout.version)
    assert header["VACUUM"] is True
