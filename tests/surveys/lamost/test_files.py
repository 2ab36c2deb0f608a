import contextlib
import csv
import gzip
import io
import itertools

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import UnreadableError
from survey_batch.core.sky import separation_arcsec
from survey_batch.spectra.grid import LINEAR_TOLERANCE, STEP
from survey_batch.surveys.lamost.files import (
    ARCMINUTE,
    UNKNOWN_MASK,
    Spectrum,
    _separation,
    _spectrum,
    mask_bits,
    read_spectrum,
    spectrum_path,
)

SIZE = 300
WITH_WAVELENGTH = "Flux, Inverse, Wavelength, Andmask, Ormask"
WITH_SUBCONTINUUM = "Flux Inverse Subcontinuum Andmask Ormask"


def arrays(size=SIZE, start=3.5682):
    rng = np.random.default_rng(7)
    flux = rng.normal(100, 5, size).astype("f4")
    ivar = rng.uniform(0, 1, size).astype("f4")
    mask = (rng.uniform(size=size) < 0.1).astype("f4") * 4
    return flux, ivar, 10 ** (start + 1e-4 * np.arange(size)), mask


def to_bytes(*hdus):
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def rows_file(content=WITH_WAVELENGTH, kind="f4", **cards):
    flux, ivar, wavelength, mask = arrays()
    third = wavelength if "Wavelength" in content else flux * 0
    hdu = fits.PrimaryHDU(np.array([flux, ivar, third, mask, mask]).astype(kind))
    hdu.header.update({"EXTEN0": content, "COEFF0": 3.5682, "COEFF1": 1e-4, "VACUUM": True} | cards)
    return to_bytes(hdu)


def table_file(name="COADD", leave_out=None, before=()):
    flux, ivar, wavelength, mask = arrays()
    named = {"FLUX": flux, "IVAR": ivar, "WAVELENGTH": wavelength, "ANDMASK": mask, "ORMASK": mask}
    columns = [fits.Column(key, f"{SIZE}E", array=value[None]) for key, value in named.items() if key != leave_out]
    return to_bytes(fits.PrimaryHDU(), *before, fits.BinTableHDU.from_columns(columns, name=name))


LAYOUTS = {
    "wavelength row": rows_file(),
    "float64": rows_file(kind="f8"),
    "subcontinuum row": rows_file(WITH_SUBCONTINUUM),
    "table": table_file(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_give_the_same_spectrum(layout):
    spectrum = read_spectrum(LAYOUTS[layout])
    flux, ivar, wavelength, mask = arrays()
    np.testing.assert_array_equal(spectrum.flux, flux)
    np.testing.assert_array_equal(spectrum.ivar, ivar)
    np.testing.assert_array_equal(spectrum.mask, mask)
    np.testing.assert_allclose(spectrum.wavelength, wavelength, atol=0.001)
    assert spectrum.start == pytest.approx(35682, abs=0.002)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_are_native_and_contiguous(layout):
    spectrum = read_spectrum(LAYOUTS[layout])
    for values, kind in ((spectrum.flux, "f4"), (spectrum.ivar, "f4"), (spectrum.mask, "i4")):
        assert values.dtype == np.dtype(kind)
        assert values.dtype.isnative
        assert values.flags.c_contiguous


def test_scaled_values_are_the_physical_ones():
    """As astropy reads them: TSCAL and TZERO of a table's column, BSCALE of the rows of the primary array."""
    raw = bytearray(table_file())
    at = raw.index(b"TFORM1  =")
    end = raw.index(b"END" + 77 * b" ", at)
    raw[end : end + 240] = (
        b"TSCAL1  =                  2.0".ljust(80) + b"TZERO1  =                  1.0".ljust(80) + b"END".ljust(80)
    )
    with fits.open(io.BytesIO(bytes(raw))) as hdus:
        expected = hdus["COADD"].data["FLUX"][0]
    np.testing.assert_array_equal(read_spectrum(bytes(raw)).flux, expected.astype("f4"))
    assert not np.array_equal(expected, arrays()[0])
    rows = rows_file().replace(b"VACUUM  =                    T", b"BSCALE  =                  0.5")
    with fits.open(io.BytesIO(rows)) as hdus:
        np.testing.assert_array_equal(read_spectrum(rows).flux, hdus[0].data[0].astype("f4"))


def test_table_is_found_behind_other_extensions():
    image = fits.ImageHDU(np.zeros((7, 1000), "f4"), name="INFO")
    assert read_spectrum(table_file(before=[image])).flux.size == SIZE


def test_a_grid_that_is_not_log_linear_is_kept_as_it_is():
    linear = np.linspace(3900, 9000, SIZE)
    flux, ivar, _, mask = arrays()
    hdu = fits.PrimaryHDU(np.array([flux, ivar, linear, mask, mask]))
    hdu.header["EXTEN0"] = WITH_WAVELENGTH
    spectrum = read_spectrum(to_bytes(hdu))
    assert np.isnan(spectrum.start)
    np.testing.assert_array_equal(spectrum.wavelength, linear)


def test_masks_that_are_no_bits_are_bad():
    flux, ivar, wavelength, _ = arrays()
    mask = np.zeros(SIZE)
    mask[:4] = np.nan, -1, 1e30, np.inf
    hdu = fits.PrimaryHDU(np.array([flux, ivar, wavelength, mask, mask]))
    hdu.header["EXTEN0"] = WITH_WAVELENGTH
    read = read_spectrum(to_bytes(hdu)).mask
    assert (read[:4] != 0).all()
    assert (read[4:] == 0).all()


def test_masks_of_16_bits_that_are_no_bits_are_bad():
    rows = np.ones((5, SIZE), "i2")
    rows[3, :3] = 0, -1, -(2**15)
    hdu = fits.PrimaryHDU(rows)
    hdu.header.update({"EXTEN0": WITH_SUBCONTINUUM, "COEFF0": 3.5682, "COEFF1": 1e-4})
    assert read_spectrum(to_bytes(hdu)).mask[:4].tolist() == [0, 1 << 15, 1 << 15, 1]


REFUSED = {
    "HTML": (b"<!DOCTYPE html><html><body>503 Service Unavailable", "not a FITS file"),
    "nothing": (b"", "not a FITS file"),
    "compressed": (gzip.compress(rows_file()), "not a FITS file"),
    "half a header": (rows_file()[:400], "END card"),
    "cut pixels": (rows_file()[:6000], "cut short"),
    "cut table": (table_file()[:9000], "cut short"),
    "other rows": (rows_file("Flux, Inverse, Sky, Andmask, Ormask"), "neither Wavelength nor Subcontinuum"),
    "blue medium resolution": (table_file("COADD_B"), 'medium-resolution .* survey = "lamost-medium"'),
    "red medium resolution": (table_file("COADD_R"), 'medium-resolution .* survey = "lamost-medium"'),
    "no coadded spectrum": (table_file("B-80436692"), "no table COADD"),
    "a missing column": (table_file(leave_out="IVAR"), "no column IVAR"),
    "air wavelengths": (rows_file(VACUUM=False), "vacuum"),
    "a frame": (to_bytes(fits.PrimaryHDU(np.zeros((8, 9), "f4"))), "not the five rows"),
    "empty": (to_bytes(fits.PrimaryHDU()), "no spectrum"),
    "no pixels": (rows_file(WITH_SUBCONTINUUM).replace(b"     300", b"       0", 1), "not the five rows"),
    **{
        f"BITPIX {bits}": (
            rows_file().replace(b"BITPIX  =                  -32", b"BITPIX  = " + bits.rjust(20).encode(), 1),
            f"header card BITPIX is {bits}; a LAMOST spectrum has 16, 32, -32 or -64",
        )
        for bits in ("-16", "8", "64", "99")
    },
    "less than no pixels": (
        rows_file(WITH_SUBCONTINUUM).replace(b"     300", b"    -300", 1),
        "not the five rows",
    ),
    "absurd coefficients": (rows_file(WITH_SUBCONTINUUM, COEFF1=0.5), "COEFF1"),
    "textual coefficients": (rows_file(WITH_SUBCONTINUUM, COEFF0="none"), "COEFF0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_low_resolution_spectrum_is_refused_with_the_reason(case):
    raw, reason = REFUSED[case]
    with pytest.raises(UnreadableError, match=reason):
        read_spectrum(raw)


def test_wavelengths_that_do_not_increase_are_refused():
    flux, ivar, wavelength, mask = arrays()
    for broken in (wavelength[::-1], wavelength * 0, np.where(wavelength > 3710, np.nan, wavelength), -wavelength):
        hdu = fits.PrimaryHDU(np.array([flux, ivar, broken, mask, mask]))
        hdu.header["EXTEN0"] = WITH_WAVELENGTH
        with pytest.raises(UnreadableError, match="wavelengths"):
            read_spectrum(to_bytes(hdu))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_damaged_files_are_read_or_refused_but_never_crash(layout, data):
    raw = bytearray(LAYOUTS[layout])
    # Headers are where a flipped byte can do most, so aim there half of the time.
    place = st.integers(0, 6000) | st.integers(0, len(raw) - 1)
    for at, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=8)):
        raw[at] = value
    length = data.draw(st.just(len(raw)) | st.integers(0, len(raw)))
    with contextlib.suppress(UnreadableError):
        spectrum = read_spectrum(bytes(raw[:length]))
        assert spectrum.flux.size == spectrum.wavelength.size == spectrum.mask.size


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=4000))
def test_any_bytes_behind_a_fits_signature_are_refused_or_read(tail):
    with contextlib.suppress(UnreadableError):
        assert isinstance(read_spectrum(b"SIMPLE  =" + tail), Spectrum)


OBSERVED = {
    "OBSID": 105172, "PLANID": "F5902", "SPID": 5, "FIBERID": "172", "RA": 332.05627, "DEC": -0.34518,
}  # fmt: skip
ASKED = {"obsid": "105172", "planid": "F5902", "spid": 5, "fiberid": 172, "ra": 332.05627, "dec": -0.34518}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"obsid": "105173"}, "obsid 105172 instead of 105173"),
        ({"planid": "F5903"}, "planid F5902 instead of F5903"),
        ({"spid": 4}, "spid 5 instead of 4"),
        ({"fiberid": 171}, "fiberid 172 instead of 171"),
        ({"ra": 332.0}, "position 332.05627 -0.34518 instead of 332.0 .*3.38 arcmin"),
        ({"dec": 89.9}, "position"),
    ],
)
def test_another_objects_file_is_refused_with_both_names(change, said):
    raw = rows_file(**OBSERVED)
    assert read_spectrum(raw, ASKED).flux.size == SIZE
    with pytest.raises(UnreadableError, match=f"another object than the catalogue says: .*{said}"):
        read_spectrum(raw, ASKED | change)


def plain_refusal(header, row):
    """Compare numbers as integers and names as text, each of which may be missing."""

    def text(value):
        return "" if value is None or value != value else str(value).strip()

    def whole(value):
        digits = text(value).removesuffix(".0")
        return int(digits) if digits.isascii() and digits.isdigit() else None

    values = {name: (whole(header.get(name.upper())), whole(row.get(name))) for name in ("obsid", "spid", "fiberid")}
    values["planid"] = header.get("PLANID"), text(row.get("planid"))
    return ", ".join(
        f"{name} {held} instead of {asked}"
        for name, (held, asked) in values.items()
        if held and asked and held != asked
    )


VALUES = st.sampled_from(["0", "1", "01", "1.0", "12", "-1", "a", "F1", "\u0661", "", "nan"])


@given(
    header=st.dictionaries(st.sampled_from(["OBSID", "SPID", "FIBERID", "PLANID"]), VALUES.filter(str.isascii)),
    row=st.dictionaries(
        st.sampled_from(["obsid", "spid", "fiberid", "planid"]),
        VALUES | st.sampled_from([None, float("nan"), 1, 12, -1, np.int64(12), np.float64(1)]),
    ),
)
@settings(max_examples=150, deadline=None)
def test_what_differs_is_what_a_comparison_of_all_numbers_and_names_finds(header, row):
    cards = [f"{name:8}= {value}".encode().ljust(80) for name, value in header.items()]
    wanted = plain_refusal(header, row)
    with pytest.raises(UnreadableError) as refusal:
        read_spectrum(b"".join([b"SIMPLE  =".ljust(80), *cards, b"END".ljust(80)]).ljust(2880), row)
    found = str(refusal.value).partition("than the catalogue says: ")[2]
    assert found == wanted


@pytest.mark.parametrize("missing", [None, "", float("nan")])
def test_only_what_header_and_catalogue_both_have_is_compared(missing):
    for name in ASKED:
        assert read_spectrum(rows_file(**OBSERVED), dict.fromkeys(ASKED, missing) | {name: ASKED[name]})
        others = {key: value for key, value in OBSERVED.items() if key != name.upper()}
        assert read_spectrum(rows_file(**others), ASKED)
    assert read_spectrum(rows_file(), ASKED)
    assert read_spectrum(rows_file(**OBSERVED), ASKED | {"spid": -1, "fiberid": -1})


def test_a_position_may_differ_by_an_arcminute_and_across_the_meridian():
    raw = rows_file(RA=359.9999, DEC=60.0)
    assert read_spectrum(raw, {"ra": 0.001, "dec": 60.016})
    with pytest.raises(UnreadableError, match="position"):
        read_spectrum(raw, {"ra": 0.001, "dec": 60.017})


def test_every_real_file_is_the_object_that_the_catalogue_says(real_data):
    with (real_data / "lamost" / "catalog.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    assert len(rows) == 312
    for row in rows:
        raw = (real_data / "lamost" / "spectra" / row["filename"]).read_bytes()
        read_spectrum(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw, row)


ROW = {
    "obsid": 101002.0, "obsdate": np.datetime64("2011-10-24T12:56:00"), "lmjd": 55859, "planid": "F5902",
    "spid": "1", "fiberid": np.int64(2), "filename": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("flat", "spec-55859-F5902_sp01-002.fits.gz"),
        ("plan", "20111024/F5902/spec-55859-F5902_sp01-002.fits.gz"),
        ("obsid", "spectrum/fits/101002"),
    ],
)
def test_paths_follow_the_archives_layouts(layout, path):
    assert spectrum_path(layout, ROW) == path


def test_a_given_file_name_is_used():
    row = ROW | {"filename": "spec-1-X_sp01-001.fits"}
    assert spectrum_path("flat", row) == "spec-1-X_sp01-001.fits"
    assert spectrum_path("plan", row) == "20111024/F5902/spec-1-X_sp01-001.fits"


@pytest.mark.parametrize("missing", [None, float("nan"), "", np.nan, np.datetime64("NaT")])
def test_a_row_that_lacks_what_a_path_needs_has_none(missing):
    needed = {"flat": ["lmjd", "planid", "spid", "fiberid"], "plan": ["obsdate", "planid"], "obsid": ["obsid"]}
    for layout, key in itertools.chain(*([(layout, key) for key in keys] for layout, keys in needed.items())):
        assert spectrum_path(layout, ROW | {key: missing}) is None
    assert spectrum_path("obsid", {}) is None


def test_every_real_file_reads_as_astropy_reads_it(real_data):
    paths = sorted((real_data / "lamost" / "spectra").iterdir())
    assert len(paths) == 312
    for path in paths:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        spectrum = read_spectrum(raw)
        flux, ivar, wavelength, mask = _by_astropy(raw)
        np.testing.assert_array_equal(spectrum.flux, flux.astype("f4"))
        np.testing.assert_array_equal(spectrum.ivar, ivar.astype("f4"))
        np.testing.assert_array_equal(spectrum.mask, mask)
        np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=0, atol=0.05)


def _by_astropy(raw):
    with fits.open(io.BytesIO(raw), memmap=False) as hdus:
        if len(hdus) > 1:
            table = hdus["COADD"].data
            return tuple(table[key][0] for key in ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"))
        header, rows = hdus[0].header, hdus[0].data
        wavelength = rows[2]
        if "Subcontinuum" in header["EXTEN0"]:
            wavelength = 10 ** (header["COEFF0"] + header["COEFF1"] * np.arange(rows.shape[1]))
        return rows[0], rows[1], wavelength, rows[3]


def plain_grid(wavelength):
    """Find a grid without keeping it."""
    offset = np.log10(wavelength.astype("f8")) / STEP - np.arange(wavelength.size)
    start = float(offset.mean())
    return (start, None) if np.abs(offset - start).max() < LINEAR_TOLERANCE else (np.nan, wavelength.astype("f8"))


def test_a_grid_that_is_known_already_is_found_as_one_that_is_not():
    for start, kind in itertools.product((3.5682, 3.5683), ("f4", "f8")):
        wavelength = (10 ** (start + 1e-4 * np.arange(SIZE))).astype(f">{kind}")
        for row in (wavelength, (wavelength + np.linspace(0, 3, SIZE)).astype(wavelength.dtype)):
            for _ in range(2):
                found = _spectrum(row, row, np.zeros(SIZE, ">i4"), row)
                first, sampled = plain_grid(row)
                np.testing.assert_array_equal(found.start, first)
                assert (found.sampled is None) == (sampled is None)
                if sampled is not None:
                    np.testing.assert_array_equal(found.sampled, sampled)


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_grid_that_differs_from_a_known_one_in_its_middle_alone_is_another(kind):
    known = (10 ** (3.5682 + 1e-4 * np.arange(SIZE))).astype(f">{kind}")
    other = known.copy()
    other[SIZE // 2] += (other[SIZE // 2 + 1] - other[SIZE // 2]) / 2
    for row in (known, other, known, other):
        found = _spectrum(row, row, np.zeros(SIZE, ">i4"), row)
        assert (found.sampled is None) == (row is known)
        if row is other:
            np.testing.assert_array_equal(found.sampled, other.astype("f8"))


@pytest.mark.parametrize("kind", [">f4", ">f8", ">i2", ">i4", ">i8", "u1", "u2"])
@pytest.mark.parametrize("value", [0, -0.0])
def test_a_mask_of_nothing_but_zeros_stays_one(kind, value):
    mask = np.full((SIZE, 2), value, kind)[:, 0]
    found = mask_bits(mask)
    assert found.dtype == np.int32
    assert found.tolist() == [0] * SIZE
    mask[-1] = 1
    assert mask_bits(mask).tolist() == [0] * (SIZE - 1) + [1]


@pytest.mark.parametrize(
    ("kind", "odd"),
    [
        *itertools.product([">f4", ">f8"], [(), (-1,), (1 << 15,), (np.nan, np.inf), (1e30, 3)]),
        *itertools.product([">i2", ">i4"], [(), (-1,)]),
        *itertools.product([">i4", "u2", "u4"], [(1 << 15,), (65535, 3)]),
    ],
)
def test_masks_of_bits_alone_are_what_any_mask_is(kind, odd):
    mask = np.array([0, 1, 2, 32767, *odd]).astype(kind)
    known = (mask >= 0) & (mask < UNKNOWN_MASK)
    plain = np.where(known, np.where(known, mask, 0).astype(np.int32), UNKNOWN_MASK)
    with np.errstate(all="raise"):
        found = mask_bits(mask)
    assert found.dtype == plain.dtype == np.int32
    np.testing.assert_array_equal(found, plain)


def test_the_short_way_to_a_separation_decides_as_the_long_one():
    rng = np.random.default_rng(0)
    for _ in range(300):
        here = float(rng.uniform(0, 360)), float(rng.uniform(-90, 90))
        there = tuple(float(value) for value in np.array(here) + rng.normal(0, 0.02, 2))
        exact = float(separation_arcsec(*here, *there))
        assert (_separation(here, there) > ARCMINUTE) == (exact > ARCMINUTE)
        assert _separation(here, there) >= exact * (1 - 1e-9)


def test_columns_of_variable_length_are_refused_and_their_descriptors_not_taken_for_pixels():
    values = dict(zip(("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"), arrays(), strict=True))
    lists = [fits.Column(name, "PE()", array=np.array([one, None], object)[:1]) for name, one in values.items()]
    with pytest.raises(UnreadableError, match="column FLUX of its table holds arrays of variable length"):
        read_spectrum(to_bytes(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(lists, name="COADD")))


def test_a_table_of_several_spectra_is_in_doubt():
    values = dict(zip(("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"), arrays(), strict=True))
    columns = [fits.Column(name, f"{SIZE}E", array=np.stack([one, one])) for name, one in values.items()]
    with pytest.raises(UnreadableError, match="table COADD has 2 rows"):
        read_spectrum(to_bytes(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="COADD")))
