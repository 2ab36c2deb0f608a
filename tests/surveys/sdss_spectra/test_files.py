"""Files of SDSS spectra, against astropy, and what they must not hold."""

import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import UnreadableError
from survey_batch.spectra.grid import Spectrum
from survey_batch.surveys.sdss_spectra.files import FIBRE_PROBLEM, MASK_BITS, pixel_mask, read_spectrum
from survey_batch.surveys.sdss_spectra.reader import SdssSpectraFiles
from tests.jobs import archive_section

PIXELS = 300
ROW = {"plate": 266, "mjd": 51630, "fiberid": 7, "ra": 146.7, "dec": -1.04}


def file_of(*, name="COADD", cards=(), **columns):
    random = np.random.default_rng(1)
    values = {
        "flux": random.normal(10, 1, PIXELS).astype("f4"),
        "loglam": (3.58 + 1e-4 * np.arange(PIXELS)).astype("f4"),
        "ivar": random.uniform(1, 2, PIXELS).astype("f4"),
        "and_mask": random.choice([0, 0, 1 << 23], PIXELS).astype("i4"),
        "or_mask": np.zeros(PIXELS, "i4"),
        "wdisp": np.ones(PIXELS, "f4"),
        **columns,
    }
    primary = fits.PrimaryHDU()
    known = {"PLATEID": 266, "MJD": 51630, "FIBERID": 7, "PLUG_RA": 146.7, "PLUG_DEC": -1.04}
    primary.header.update({**known, **dict(cards)})
    table = [fits.Column(key, "J" if one.dtype.kind == "i" else "E", array=one) for key, one in values.items()]
    hdus = fits.HDUList([primary, fits.BinTableHDU.from_columns(table, name=name)])
    hdus.append(fits.BinTableHDU.from_columns([fits.Column("PLATE", "J", array=[266])], name="SPECOBJ"))
    stream = io.BytesIO()
    hdus.writeto(stream)
    return stream.getvalue(), values


def test_a_spectrum_has_the_fluxes_and_wavelengths_that_astropy_reads():
    raw, _ = file_of()
    table = fits.getdata(io.BytesIO(raw), 1)
    spectrum = read_spectrum(raw, ROW)
    assert np.array_equal(spectrum.flux, table["flux"])
    assert np.array_equal(spectrum.ivar, table["ivar"])
    assert spectrum.wavelength == pytest.approx(10 ** table["loglam"].astype(float), rel=1e-6)
    assert spectrum.start == pytest.approx(35800, abs=0.01)
    assert spectrum.sampled is None
    assert ((spectrum.mask == MASK_BITS["bright_sky"]) == (table["and_mask"] == 1 << 23)).all()


def test_the_dispersion_is_in_km_s_if_the_file_has_it():
    wdisp = np.linspace(0.8, 1.2, PIXELS).astype("f4")
    assert read_spectrum(file_of(wdisp=wdisp)[0], ROW).dispersion == pytest.approx(wdisp * 69.0298, rel=1e-6)
    raw, _ = file_of()
    assert read_spectrum(raw.replace(b"wdisp", b"other"), ROW).dispersion is None


def test_columns_that_are_not_there_are_named():
    raw, _ = file_of()
    with pytest.raises(UnreadableError, match="COADD has no column IVAR or AND_MASK; it has FLUX, LOGLAM, OTHR, "):
        read_spectrum(raw.replace(b"'ivar", b"'othr").replace(b"'and_mask", b"'not_mask"), ROW)


def test_a_grid_of_other_steps_keeps_its_wavelengths():
    _, values = file_of()
    loglam = values["loglam"] + np.linspace(0, 1e-4, PIXELS).astype("f4")
    spectrum = read_spectrum(file_of(loglam=loglam)[0], ROW)
    assert np.isnan(spectrum.start)
    assert spectrum.wavelength == pytest.approx(10 ** loglam.astype(float), rel=1e-7)


def test_bits_of_pixels_move_down_and_bits_of_fibres_become_one():
    names = ["near_bad_pixel", "red_monster", "fibre_problem"]
    assert pixel_mask(np.array([1 << 16, 1 << 28, 1 << 1], "i4")).tolist() == [MASK_BITS[name] for name in names]
    assert pixel_mask(np.array([(1 << 24) | 1], "i4")).tolist() == [MASK_BITS["no_data"] | FIBRE_PROBLEM]
    assert max(MASK_BITS.values()) < 1 << 16


@pytest.mark.parametrize(
    ("made", "row", "said"),
    [
        ({"name": "SPECTRUM"}, {}, "no table COADD among the extensions"),
        ({"loglam": np.full(PIXELS, 3.6, "f4")}, {}, "are not increasing"),
        ({}, {"plate": 267}, "plate 266 instead of 267"),
        ({}, {"fiberid": 8}, "fiberid 7 instead of 8"),
        ({}, {"dec": 1.04}, "arcmin away"),
        ({"cards": {"RUN2D": "v5_7_0"}}, {"run2d": "v5_13_2"}, "run2d v5_7_0 instead of v5_13_2"),
        ({"cards": {"RUN2D": 26}}, {"run2d": "103"}, "run2d 26 instead of 103"),
    ],
)
def test_a_file_that_is_not_the_objects_spectrum_is_refused(made, row, said):
    with pytest.raises(UnreadableError, match=said):
        read_spectrum(file_of(**made)[0], {**ROW, **row})


def test_a_file_that_is_cut_before_the_end_of_its_spectrum_is_refused():
    raw, _ = file_of()
    end = fits.open(io.BytesIO(raw))[1].fileinfo()["datLoc"] + 24 * PIXELS
    for size in (*range(0, end, 997), end - 1):
        with pytest.raises(UnreadableError):
            read_spectrum(raw[:size], ROW)


@pytest.mark.parametrize(("layout", "agrees"), [("flat", False), ("archive", True)])
def test_the_reduction_is_compared_where_the_path_does_not_say_it(layout, agrees):
    reader = SdssSpectraFiles(archive_section("sdss-spectra", root="/a", layout=layout, run2d="v5_13_2"))
    raw, _ = file_of(cards={"RUN2D": "v5_7_0"})
    found = reader.read(raw, [{**ROW, "run2d": run} for run in ("v5_7_0", "v5_13_2", "")])
    assert [isinstance(one, Spectrum) for one in found] == [True, agrees, agrees]


def test_a_row_without_a_position_or_of_another_kind_of_name_is_not_compared():
    raw, _ = file_of()
    read_spectrum(raw, {"plate": -1, "mjd": 51630, "fiberid": -1, "ra": np.nan, "dec": np.nan})


def test_a_mask_that_is_not_a_number_is_bad():
    assert pixel_mask(np.array([0.0, np.nan])).tolist() == [0, FIBRE_PROBLEM]
