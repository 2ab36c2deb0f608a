"""Layouts of FITS spectra, against astropy's and specutils' reading, and what is refused."""

import io
import warnings

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from survey_batch.core.errors import InvalidError, NotFoundError, UnreadableError
from survey_batch.spectra.checks import fault_of
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.line_list import air_to_vacuum
from survey_batch.surveys.desi.files import read_coadd
from survey_batch.surveys.fits_spectra import flux_units, loaders
from survey_batch.surveys.fits_spectra.reader import FitsSpectra
from survey_batch.surveys.lamost.files import read_spectrum
from survey_batch.surveys.sdss_spectra import files as sdss
from tests.jobs import archive_section
from tests.surveys.desi.test_files import TARGETS
from tests.surveys.desi.test_files import file_of as coadd
from tests.surveys.sdss_spectra.test_files import file_of as spec

SIZE = 200
random = np.random.default_rng(3)
WAVELENGTH = 4000 + 1.5 * np.arange(SIZE)
VALUES = random.normal(10, 1, SIZE).astype("f4")
ERROR = random.uniform(0.5, 1, SIZE).astype("f4")
BAD = random.random(SIZE) < 0.1
UNIT = "1e-17 erg / (Angstrom s cm2)"
ROW = {"object_id": "a", "file": "a.fits", "spectrum": -1, "targetid": "", "ra": np.nan, "dec": np.nan}
SAID = {"wavelength_unit": "Angstrom", "medium": "vacuum", "without_errors": "equal"}


def bytes_of(*hdus):
    stream = io.BytesIO()
    fits.HDUList([*hdus]).writeto(stream)
    return stream.getvalue()


def table_of(columns, primary=(), told=None, **cards):
    """A file with one table; `told` names units of columns."""
    hdu = fits.BinTableHDU(Table(columns, units=told or {}))
    hdu.header.update(cards)
    first = fits.PrimaryHDU()
    first.header.update(dict(primary))
    return bytes_of(first, hdu)


def image_of(values=VALUES, beside=(), **cards):
    hdu = fits.PrimaryHDU(values)
    hdu.header.update({key.replace("_FLAG", "-FLAG"): value for key, value in cards.items()})
    return bytes_of(hdu, *(fits.ImageHDU(image, name=name) for name, image in dict(beside).items()))


def read(raw, row=(), **keys):
    reader = FitsSpectra(archive_section("fits-spectra", root="/a", **keys))
    (found,) = reader.read(raw, [{**ROW, **dict(row)}])
    if isinstance(found, Spectrum):
        assert fault_of(found) is None
        return found
    raise found


def test_a_table_with_a_row_for_each_pixel_has_the_values_that_astropy_reads():
    raw = table_of({"Wave_Vac": WAVELENGTH, "FLUX": VALUES, "fluxErr": ERROR, "mask": BAD}, told={"Wave_Vac": "AA"})
    spectrum, table = read(raw), fits.getdata(io.BytesIO(raw), 1)
    assert np.array_equal(spectrum.wavelength, table["Wave_Vac"])
    assert np.array_equal(spectrum.flux, table["FLUX"])
    assert np.array_equal(spectrum.ivar, (1 / table["fluxErr"].astype("f8") ** 2).astype("f4"))
    assert np.array_equal(spectrum.mask, table["mask"].astype("i4"))


@pytest.mark.parametrize(("column", "ivar"), [("ivar", ERROR), ("variance", 1 / ERROR), ("sigma", ERROR**-0.5)])
def test_errors_of_any_kind_become_an_inverse_variance_and_unknown_ones_0(column, ivar):
    values = ivar.astype("f8")
    values[:4] = 0, -1, np.nan, np.inf
    found = read(table_of({"wave": WAVELENGTH, "flux": VALUES, column: values}), **SAID).ivar
    assert found[:4].tolist() == [0, 0, 0, 0]
    np.testing.assert_allclose(found[4:], ERROR[4:], rtol=1e-6)


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("nm", WAVELENGTH / 10),
        ("um", WAVELENGTH / 1e4),
        ("micron", WAVELENGTH / 1e4),
        ("Angstrom", WAVELENGTH),
        ("m", WAVELENGTH / 1e10),
        ("log10(Angstrom)", np.log10(WAVELENGTH)),
    ],
)
def test_wavelengths_in_any_unit_become_angstrom(unit, values):
    raw = table_of({"wave": values, "flux": VALUES}, TUNIT1=unit)
    np.testing.assert_allclose(read(raw, medium="vacuum", without_errors="equal").wavelength, WAVELENGTH, rtol=1e-12)


def test_a_row_of_vectors_is_a_spectrum_and_one_of_several_is_the_one_that_the_catalogue_names():
    columns = {"loglam": np.log10([WAVELENGTH, WAVELENGTH + 1]), "flux": [VALUES, 2 * VALUES]}
    raw = table_of(columns, VACUUM=True)
    assert np.array_equal(read(raw, {"spectrum": 1}, without_errors="equal").flux, 2 * VALUES)
    with pytest.raises(InvalidError, match="has 2 rows, and the catalogue does not say which"):
        read(raw, **SAID)
    with pytest.raises(NotFoundError, match="names spectrum 2, and the file has 2 rows"):
        read(raw, {"spectrum": 2}, **SAID)
    one = table_of({name: values[:1] for name, values in columns.items()}, VACUUM=True)
    assert np.array_equal(read(one, without_errors="equal").flux, VALUES)


def test_a_grid_of_steps_of_1e_4_dex_is_copied_and_not_rebinned():
    logarithm = (3.6 + 1e-4 * np.arange(SIZE)).astype("f4")
    spectrum = read(table_of({"loglam": logarithm, "flux": VALUES}), **SAID)
    assert spectrum.start == pytest.approx(36000, abs=0.01)
    assert spectrum.sampled is None


@pytest.mark.parametrize(
    "cards",
    [
        {"CTYPE1": "WAVE", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 1.5, "CRPIX1": 1.0},
        {"CTYPE1": "WAVE", "CUNIT1": "nm", "CRVAL1": 500.0, "CDELT1": 0.1, "CRPIX1": 40.5},
        {"CTYPE1": "WAVE", "CUNIT1": "um", "CRVAL1": 1.2, "CDELT1": 2e-4, "CRPIX1": 1.0},
        {"CTYPE1": "WAVE-LOG", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 0.9, "CRPIX1": 1.0},
        {"CTYPE1": "AWAV", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": -0.7, "CRPIX1": 3.0},
    ],
)
def test_an_image_has_the_wavelengths_of_its_header_as_astropy_does(cards):
    raw = image_of(**cards, beside={"IVAR": ERROR})
    expected = WCS(cards).pixel_to_world_values(np.arange(SIZE)) * 1e10
    expected = air_to_vacuum(expected) if cards["CTYPE1"] == "AWAV" else expected
    reverse = slice(None, None, -1) if expected[0] > expected[-1] else slice(None)
    spectrum = read(raw)
    np.testing.assert_allclose(spectrum.wavelength, expected[reverse], rtol=1e-12)
    assert np.array_equal(spectrum.flux, VALUES[reverse])
    assert np.array_equal(spectrum.ivar, ERROR[reverse])


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"CRVAL1": 3.6, "CD1_1": 1e-4, "DC_FLAG": 1, "CTYPE1": "LINEAR"}, 10 ** (3.6 + 1e-4 * np.arange(SIZE))),
        ({"CRVAL1": 2.6, "CD1_1": 1e-4, "DC_FLAG": 1, "CUNIT1": "nm"}, 10 ** (3.6 + 1e-4 * np.arange(SIZE))),
        ({"CRVAL1": 4e3, "CDELT1": 2.0, "WAT1_001": "wtype=linear units=angstroms"}, 4e3 + 2.0 * np.arange(SIZE)),
    ],
)
def test_axes_as_iraf_writes_them_are_understood(cards, expected):
    spectrum = read(image_of(**cards), medium="vacuum", without_errors="equal")
    np.testing.assert_allclose(spectrum.wavelength, expected, rtol=1e-12)


def test_the_bands_of_an_iraf_spectrum_are_flux_and_error():
    bands = np.stack([VALUES, ERROR])[:, None]
    raw = image_of(bands, CRVAL1=3.6, CD1_1=1e-4, DC_FLAG=1, BANDID1="spectrum - x", BANDID2="sigma - x")
    spectrum = read(raw, medium="vacuum")
    assert np.array_equal(spectrum.flux, VALUES)
    np.testing.assert_allclose(spectrum.ivar, ERROR**-2.0, rtol=1e-6)


def test_images_of_wavelength_error_and_mask_may_lie_beside_that_of_the_flux():
    images = {"FLUX": [VALUES, -VALUES], "STDEV": [ERROR, ERROR], "WAVELENGTH": WAVELENGTH, "DQ": [BAD, ~BAD]}
    hdus = [fits.ImageHDU(np.array(image, "f8" if name != "DQ" else "i2"), name=name) for name, image in images.items()]
    spectrum = read(bytes_of(fits.PrimaryHDU(), *hdus), {"spectrum": 1}, wavelength_unit="Angstrom", medium="vacuum")
    assert np.array_equal(spectrum.flux, -VALUES)
    assert np.array_equal(spectrum.mask, ~BAD)
    assert np.array_equal(spectrum.wavelength, WAVELENGTH)


def test_files_of_surveys_are_read_as_by_their_own_readers():
    raw, _ = spec()
    keys = {"flux_unit": UNIT}
    ours, theirs = (
        read(raw, **keys),
        sdss.read_spectrum(raw, {"plate": -1, "mjd": -1, "fiberid": -1, "ra": np.nan, "dec": 0}),
    )
    assert ours.flux.tobytes() == theirs.flux.tobytes()
    assert (ours.start, ours.mask.tolist()) == (theirs.start, (theirs.mask != 0).tolist())
    (third,) = read_coadd(coadd(), [TARGETS[2]])
    for row in ({"targetid": str(TARGETS[2])}, {"spectrum": 2}):
        assert read(coadd(), row, **keys).flux.tobytes() == third.flux.tobytes()
    with pytest.raises(NotFoundError, match="no target with TARGETID 5"):
        read(coadd(), {"targetid": "5"})
    with pytest.raises(InvalidError, match="has 4 targets"):
        read(coadd())


def test_real_files_of_lamost_are_read_as_by_its_own_reader(real_data):
    from survey_batch.archive.decompress import LAMOST_CEILING, decompress

    for path in sorted((real_data / "lamost" / "spectra").iterdir())[:20]:
        raw = decompress(path.read_bytes(), LAMOST_CEILING)
        ours, theirs = read(raw), read_spectrum(raw)
        assert (ours.flux.tobytes(), ours.ivar.tobytes()) == (theirs.flux.tobytes(), theirs.ivar.tobytes())


def in_units(unit):
    """A file that says this unit of its fluxes; "" for none."""
    return table_of({"wave": WAVELENGTH, "flux": VALUES, "error": ERROR}, TUNIT1="AA", TUNIT2=unit, VACUUM=True)


def test_fluxes_are_converted_with_their_errors_to_the_unit_of_the_product():
    found = read(in_units("mJy"), flux_unit=UNIT)
    expected = (VALUES * units.mJy).to(units.Unit(UNIT), units.spectral_density(WAVELENGTH * units.AA)).value
    np.testing.assert_allclose(found.flux, expected, rtol=1e-6)
    np.testing.assert_allclose(found.ivar, 1 / (ERROR * expected / VALUES) ** 2, rtol=1e-5)
    same = read(in_units("erg / (s cm2 Angstrom)"), flux_unit="erg / (s cm2 Angstrom)")
    assert np.array_equal(same.flux, VALUES)
    assert FitsSpectra(archive_section("fits-spectra", root="/a", flux_unit=UNIT)).flux["units"] == UNIT


def test_a_unit_that_is_spelled_against_the_standard_is_read_without_a_warning_for_each_file():
    flux_units._unit.cache_clear()
    with warnings.catch_warnings(action="error"):
        found = read(in_units("erg/s/cm2/AA"), flux_unit="erg / (s cm2 Angstrom)")
        with pytest.raises(UnreadableError, match="does not say the unit of the product"):
            read(in_units("erg/s/cm2/AA"))
    np.testing.assert_allclose(found.flux, VALUES, rtol=1e-6)


@pytest.mark.parametrize("keys", [{}, {"flux_unit": "as-is"}])
def test_fluxes_without_a_unit_stay_as_they_are_and_so_do_others_if_the_job_says_so(keys):
    for unit in ("", "1", *(["mJy", "adu", "flurbs"] if keys else [])):
        assert np.array_equal(read(in_units(unit), **keys).flux, VALUES)
    assert FitsSpectra(archive_section("fits-spectra", root="/a", **keys)).flux["units"] == "1"


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("mJy", 'set archive.flux_unit = "mJy", or another unit to convert to; archive.flux_unit = "as-is" keeps'),
        ("1e-17 erg / (s cm2 Angstrom)", 'set archive.flux_unit = "1e-17'),
        ("adu", 'of the product: archive.flux_unit = "as-is" keeps the numbers of each file'),
        ("flurbs", 'of the product: archive.flux_unit = "as-is" keeps the numbers of each file'),
    ],
)
def test_units_are_not_mixed_unless_the_job_says_so(unit, said):
    with pytest.raises(UnreadableError, match="its fluxes are in ") as refused:
        read(in_units(unit))
    assert said in str(refused.value)
    assert str(refused.value).endswith("run --retry unreadable then reads those that were set aside")
    with pytest.raises(UnreadableError, match="the job does not say the unit of the product"):
        read(spec()[0])


def test_without_errors_all_pixels_count_alike_if_the_job_says_so():
    values = VALUES.copy()
    values[7] = np.nan
    raw = table_of({"wave": WAVELENGTH, "flux": values})
    ivar = read(raw, **SAID).ivar
    assert ivar[7] == 0
    assert set(ivar.tolist()) == {0.0, 1.0}


WAVE = {"wave": WAVELENGTH, "flux": VALUES, "error": ERROR}


@pytest.mark.parametrize(
    ("raw", "keys", "said"),
    [
        (table_of(WAVE), {}, "does not say the unit of its wavelengths"),
        (table_of(WAVE, told={"wave": "AA"}), {}, "are in air or vacuum, which differ by 83 km/s"),
        (table_of(WAVE, told={"wave": "Hz"}), {}, "in 'Hz', which is no unit of wavelength"),
        (table_of(WAVE, primary={"VACUUM": True}, AIRORVAC="air"), SAID, "another that in vacuum"),
        (table_of({**WAVE, "error": ["x"] * SIZE}), SAID, "column error of its table does not hold numbers"),
        (table_of({"wave": WAVELENGTH, "flux": VALUES}), {**SAID, "without_errors": "refuse"}, "has no errors"),
        (table_of({**WAVE, "wave": np.zeros(SIZE)}), SAID, "not increasing positive numbers"),
        (table_of({**WAVE, "wave": np.full(SIZE, np.nan)}), SAID, "not increasing positive numbers"),
        (table_of(WAVE), {**SAID, "flux_unit": UNIT}, "does not say the unit of its fluxes"),
        (table_of(WAVE, told={"flux": "adu"}), {**SAID, "flux_unit": UNIT}, "in 'adu', which cannot be converted"),
        (table_of(WAVE), {**SAID, "hdu": "SPEC"}, r"there is no HDU SPEC \(archive.hdu\); the file has 0"),
        (table_of({"a": [1.0]}), SAID, "no layout of spectra known here"),
        (image_of(CTYPE1="RA---TAN", CRVAL1=1.0, CDELT1=1.0), SAID, "CTYPE1 = 'RA---TAN', which is not linear"),
        (image_of(CRVAL1=1.0, CDELT1=0.0), SAID, "are impossible"),
        (image_of(CRVAL1=4e3, CDELT1=1.0, beside={"ERR": ERROR[:9]}), SAID, "do not belong to one spectrum"),
        (image_of(CRVAL1=9e3, CDELT1=1.0)[:3000], SAID, "cut short"),
    ],
)
def test_what_is_in_doubt_or_damaged_is_refused_with_what_to_do(raw, keys, said):
    with pytest.raises(UnreadableError, match=said):
        read(raw, **keys)


def test_the_hdu_that_the_job_names_is_read():
    hdus = [fits.BinTableHDU(Table({**WAVE, "flux": sign * VALUES}), name=f"ARM{sign}") for sign in (1, -1)]
    raw = bytes_of(fits.PrimaryHDU(), *hdus)
    assert np.array_equal(read(raw, **SAID).flux, VALUES)
    for hdu in ("2", "arm-1"):
        assert np.array_equal(read(raw, **SAID, hdu=hdu).flux, -VALUES)


def test_what_specutils_reads_is_what_we_read_and_its_loaders_read_what_we_do_not(tmp_path):
    specutils = pytest.importorskip("specutils", reason="the package specutils is not installed")
    from astropy.nddata import StdDevUncertainty

    made = specutils.Spectrum(
        flux=VALUES.astype("f8") * units.Unit("erg / (s cm2 Angstrom)"),
        spectral_axis=WAVELENGTH * units.AA,
        uncertainty=StdDevUncertainty(ERROR.astype("f8")),
    )
    made.write(tmp_path / "made.fits", format="tabular-fits")
    raw = (tmp_path / "made.fits").read_bytes()
    ours, theirs = read(raw, medium="vacuum", flux_unit="as-is"), loaders.load(raw, -1)
    assert np.array_equal(ours.flux, theirs.flux.astype("f4"))
    assert np.array_equal(ours.wavelength, theirs.wavelength)
    np.testing.assert_allclose(ours.ivar, theirs.ivar, rtol=1e-6)
    frequency = {"CTYPE1": "FREQ", "CUNIT1": "Hz", "CRVAL1": 7e14, "CDELT1": -1e12, "CRPIX1": 1, "BUNIT": "Jy"}
    found = read(image_of(**frequency), without_errors="equal", flux_unit="Jy")
    np.testing.assert_allclose(found.wavelength, 2.99792458e18 / (7e14 - 1e12 * np.arange(SIZE)), rtol=1e-9)
    assert np.array_equal(found.flux, VALUES)


def multispec(*specs):
    text = " ".join(["wtype=multispec", *(f'spec{number} = "{spec}"' for number, spec in enumerate(specs, 1))])
    cards = {f"WAT2_{at // 68 + 1:03d}": text[at : at + 68] for at in range(0, len(text), 68)}
    first = {"CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", "WCSDIM": 2, "WAT1_001": "units=angstroms"}
    return image_of(np.stack([VALUES] * len(specs)), **first, **cards)


def test_wavelengths_of_iraf_s_multispec_format_differ_from_spectrum_to_spectrum():
    low, high, middle = 1, SIZE, (SIZE + 1) / 2
    raw = multispec(
        f"1 1 0 4000. 1.5 {SIZE} 0. 1. 2.",
        f"2 2 1 3.6 1e-4 {SIZE} 0. 1. 2.",
        f"3 3 2 4149.25 1.5 {SIZE} 0. 1. 2. 1. 0. 1 3 {low}. {high}. 4150. 150. 5.",
        f"4 4 2 4149.25 1.5 {SIZE} 1e-3 1. 2. 1. 0. 2 3 {low}. {high}. 4150. 150. 5.",
        f"5 5 2 4149.25 1.5 {SIZE} 0. 1. 2. 1. 0. 3 3 {low}. {high}. 4150. 150. 5.",
    )
    place = (np.arange(1, SIZE + 1) - middle) / (high - middle)
    expected = [
        4000 + 1.5 * np.arange(SIZE),
        10 ** (3.6 + 1e-4 * np.arange(SIZE)),
        4150 + 150 * place + 5 * (2 * place**2 - 1),
        (4150 + 150 * place + 5 * (1.5 * place**2 - 0.5)) / 1.001,
    ]
    for number, wavelength in enumerate(expected):
        found = read(raw, {"spectrum": number}, medium="vacuum", without_errors="equal")
        np.testing.assert_allclose(found.wavelength, wavelength, rtol=1e-12)
    with pytest.raises(UnreadableError, match="no wavelengths of spectrum 5 in IRAF's multispec format"):
        read(raw, {"spectrum": 4}, **SAID)


def test_without_specutils_the_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "specutils", None)
    with pytest.raises(UnreadableError, match=r"pip install 'survey-batch\[specutils\]'"):
        read(table_of({"a": [1.0]}))


CGS = "erg / (Angstrom s cm2)"
AXIS = {"CTYPE1": "WAVE", "CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 1.5, "CRPIX1": 1}


@pytest.mark.parametrize(
    ("column", "values", "unit"),
    [
        ("error", 1e-17 * ERROR, CGS),
        ("variance", 1e-34 * ERROR**2.0, "erg2 / (Angstrom2 s2 cm4)"),
        ("ivar", 1e34 * ERROR**-2.0, "Angstrom2 s2 cm4 / erg2"),
        ("ivar", ERROR**-2.0, UNIT),
        ("error", ERROR, "strange"),
    ],
)
def test_errors_in_a_unit_of_their_own_become_those_of_the_fluxes(column, values, unit):
    columns = {"wave": WAVELENGTH, "flux": VALUES, column: values.astype("f8")}
    found = read(table_of(columns, told={"flux": UNIT}, TUNIT3=unit), **SAID, flux_unit=UNIT)
    np.testing.assert_allclose(found.ivar, ERROR**-2.0, rtol=1e-5)
    errors = fits.ImageHDU(values.astype("f8"), name=column)
    errors.header["BUNIT"] = unit
    flux = fits.PrimaryHDU(VALUES)
    flux.header.update({**AXIS, "BUNIT": UNIT})
    np.testing.assert_allclose(read(bytes_of(flux, errors), flux_unit=UNIT).ivar, ERROR**-2.0, rtol=1e-5)


def test_errors_of_another_quantity_are_refused():
    told = {"flux": UNIT, "error": "Jy"}
    with pytest.raises(UnreadableError, match="and its errors in 'Jy'"):
        read(table_of({"wave": WAVELENGTH, "flux": VALUES, "error": ERROR}, told=told), **SAID, flux_unit=UNIT)


def test_magnitudes_are_no_fluxes_that_a_factor_converts():
    raw = table_of({"wave": WAVELENGTH, "flux": VALUES, "error": ERROR}, TUNIT2="mag(AB)", TUNIT3="mag")
    with pytest.raises(UnreadableError, match=r"in 'mag\(AB\)', which cannot be converted"):
        read(raw, **SAID, flux_unit=UNIT)
    assert np.array_equal(read(raw, **SAID, flux_unit="as-is").flux, VALUES)
    assert not flux_units.is_flux_density("mag(AB)")


def test_faint_fluxes_keep_their_errors_where_the_unit_of_the_product_lets_single_precision_hold_them():
    columns = {"wave": WAVELENGTH, "flux": 1e-20 * VALUES.astype("f8"), "error": 1e-20 * ERROR.astype("f8")}
    raw = table_of(columns, told={"flux": CGS, "error": CGS})
    found = read(raw, **SAID, flux_unit=UNIT)
    np.testing.assert_allclose(found.flux, 1e-3 * VALUES, rtol=1e-6)
    np.testing.assert_allclose(found.ivar, 1e6 * ERROR**-2.0, rtol=1e-5)
    with pytest.raises(UnreadableError, match=r"beyond what an inverse variance .* can hold: set archive.flux_unit"):
        read(raw, **SAID, flux_unit="as-is")


def test_integers_that_stand_for_no_value_are_none():
    whole = np.round(VALUES).astype("i4")
    whole[7] = -999
    columns = [fits.Column("wave", "D", array=WAVELENGTH), fits.Column("flux", "J", null=-999, array=whole)]
    found = read(bytes_of(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)), **SAID)
    assert np.flatnonzero(np.isnan(found.flux)).tolist() == [7]


def test_images_of_errors_and_wavelengths_are_not_taken_for_fluxes():
    images = [fits.ImageHDU(values, name=name) for name, values in (("ERR", ERROR), ("OBJECT", VALUES))]
    for one in images:
        one.header.update(AXIS)
    found = read(bytes_of(fits.PrimaryHDU(), *images))
    assert np.array_equal(found.flux, VALUES)
    np.testing.assert_allclose(found.ivar, ERROR**-2.0, rtol=1e-5)
    images = [fits.ImageHDU(values, name=name) for name, values in (("WAVELENGTH", WAVELENGTH), ("OBJECT", VALUES))]
    found = read(bytes_of(fits.PrimaryHDU(), *images), **SAID)
    assert np.array_equal(found.flux, VALUES)
    assert np.array_equal(found.wavelength, WAVELENGTH)


def test_only_the_standards_name_of_an_axis_tells_air_from_vacuum_and_where_pixels_begin():
    axis = {"CUNIT1": "Angstrom", "CRVAL1": 4000.0, "CDELT1": 1.5}
    with pytest.raises(UnreadableError, match="air or vacuum"):
        read(image_of(CTYPE1="WAVELENGTH", **axis), without_errors="equal")
    other = read(image_of(CTYPE1="WAVELENGTH", **axis), without_errors="equal", medium="vacuum")
    np.testing.assert_allclose(other.wavelength, WAVELENGTH)
    raw = image_of(CTYPE1="WAVE", **axis)
    with fits.open(io.BytesIO(raw)) as file, warnings.catch_warnings(action="ignore"):
        expected = WCS(file[0].header).wcs_pix2world(np.arange(SIZE), 0)[0] * 1e10
    np.testing.assert_allclose(read(raw, without_errors="equal").wavelength, expected)


def test_the_first_header_tells_the_medium_also_of_an_hdu_that_the_job_names():
    raw = table_of({"wave": WAVELENGTH, "flux": VALUES}, primary={"AIRORVAC": "air"})
    whole = read(raw, **SAID)
    assert np.array_equal(read(raw, **SAID, hdu="1").wavelength, whole.wavelength)
    np.testing.assert_allclose(whole.wavelength, air_to_vacuum(WAVELENGTH))


def test_coordinates_of_iraf_s_multispec_format_are_those_of_the_image_before_it_was_cut():
    whole = multispec("1 1 0 4000. 1.5 400 0. 1. 2.", "2 2 0 5000. 1.5 400 0. 1. 2.")
    with fits.open(io.BytesIO(whole)) as file:
        file[0].data = file[0].data[1:]
        file[0].header.update({"LTV1": -100.0, "LTM1_1": 1.0, "LTV2": -1.0, "LTM2_2": 1.0})
        cut = bytes_of(*file)
        file[0].header["WAXMAP01"] = "1 0 0 1"
        flat = bytes_of(*file)
    np.testing.assert_allclose(read(cut, **SAID).wavelength, 5150 + 1.5 * np.arange(SIZE))
    with pytest.raises(UnreadableError, match="WAXMAP01"):
        read(flat, **SAID)


def test_a_spectrum_of_desi_is_the_one_at_its_place_even_if_its_target_comes_again():
    raw = coadd(FIBERMAP=fits.BinTableHDU(Table({"TARGETID": [7, 8, 9, 7]}), name="FIBERMAP"))
    flux = [read(raw, {"spectrum": number}, flux_unit="as-is").flux for number in range(4)]
    for found, one in zip(flux, read_coadd(coadd(), TARGETS), strict=True):
        np.testing.assert_array_equal(found, one.flux)
    with pytest.raises(UnreadableError, match="2 spectra in this file have TARGETID 7: it is no coadd"):
        read(raw, {"targetid": "7"}, flux_unit="as-is")
