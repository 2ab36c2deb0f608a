"""Medium-resolution files in each shape, read as astropy reads them, and refused with a reason."""

import io

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import UnreadableError
from survey_batch.surveys.lamost.files import UNKNOWN_MASK
from survey_batch.surveys.lamost_medium.files import read_spectrum

STEP = 7.56e-6
SIZES = {"B": 300, "R": 280}
STARTS = {"B": 4950.0, "R": 6300.0}


def columns_of(arm, axis="LOGLAM", **changed):
    """The columns of one arm; None leaves one out."""
    random = np.random.default_rng(ord(arm))
    size = SIZES[arm]
    loglam = np.log10(STARTS[arm]) + STEP * np.arange(size)
    columns = {
        "FLUX": random.normal(100, 5, size).astype("f4"),
        "IVAR": random.uniform(0.1, 1, size).astype("f4"),
        axis: loglam if axis == "LOGLAM" else 10**loglam,
        "ANDMASK": random.integers(0, 2, size).astype("i4"),
        "ORMASK": random.integers(0, 4, size).astype("i4"),
    }
    return {name: values for name, values in (columns | changed).items() if values is not None}


def table(name, columns, *, vectors):
    """A table with a row for each pixel, or with one row of vectors."""
    forms = {"f4": "E", "f8": "D", "i4": "J", "b1": "L", "S3": "3A"}
    made = []
    for column, values in columns.items():
        letter = forms[values.dtype.str[1:]]
        if vectors:
            made.append(fits.Column(column, f"{len(values)}{letter}", array=values[None]))
        else:
            made.append(fits.Column(column, letter, array=values))
    return fits.BinTableHDU.from_columns(made, name=name)


def file_of(*tables, **cards):
    primary = fits.PrimaryHDU()
    primary.header.update({"OBSID": 7, "PLANID": "HIP1", "SPID": 3, "FIBERID": 5, "RA": 10.0, "DEC": 20.0, **cards})
    buffer = io.BytesIO()
    fits.HDUList([primary, *tables]).writeto(buffer)
    return buffer.getvalue()


def whole(*, vectors, arms="BR", **changed):
    """A file with an exposure of each arm, in front of the coadded spectra."""
    axis = "WAVELENGTH" if vectors else "LOGLAM"
    exposures = [
        table(f"{arm}-84420148", columns_of(arm, axis, ANDMASK=None, ORMASK=None, FLUX=np.zeros(SIZES[arm], "f4")),
              vectors=vectors)
        for arm in arms
    ]  # fmt: skip
    coadds = [table(f"COADD_{arm}", columns_of(arm, axis, **changed), vectors=vectors) for arm in arms]
    return file_of(*exposures, *coadds)


@pytest.mark.parametrize("vectors", [False, True], ids=["rows", "vectors"])
@pytest.mark.parametrize("arms", ["BR", "B", "R"])
def test_the_coadded_arms_are_read_as_astropy_reads_them(vectors, arms):
    raw = whole(vectors=vectors, arms=arms)
    spectrum = read_spectrum(raw, {"obsid": "7", "planid": "HIP1", "ra": 10.0, "dec": 20.0})
    found = {name: np.array([], "f8") for name in ("wavelength", "FLUX", "IVAR", "ANDMASK")}
    with fits.open(io.BytesIO(raw)) as file:
        for arm in arms:
            data = file[f"COADD_{arm}"].data
            one = {name: data[name][0] if vectors else data[name] for name in ("FLUX", "IVAR", "ANDMASK")}
            one["wavelength"] = data["WAVELENGTH"][0] if vectors else 10.0 ** data["LOGLAM"]
            found = {name: np.concatenate([found[name], one[name]]) for name in found}
    inside = np.ones(spectrum.flux.size, bool)
    if arms == "BR":
        inside[SIZES["B"] : SIZES["B"] + 2] = False
        assert np.isnan(spectrum.flux[~inside]).all()
        assert not spectrum.ivar[~inside].any()
        np.testing.assert_allclose(np.diff(np.log10(spectrum.wavelength))[[299, 301]], STEP, rtol=1e-6)
    np.testing.assert_allclose(spectrum.wavelength[inside], found["wavelength"], rtol=1e-15)
    assert np.array_equal(spectrum.flux[inside], found["FLUX"])
    assert np.array_equal(spectrum.ivar[inside], found["IVAR"])
    assert np.array_equal(spectrum.mask[inside], found["ANDMASK"])


def test_pixels_in_another_order_are_put_in_order():
    backwards = {name: values[::-1] for name, values in columns_of("B").items()}
    turned = read_spectrum(file_of(table("COADD_B", backwards, vectors=False)))
    straight = read_spectrum(file_of(table("COADD_B", columns_of("B"), vectors=False)))
    for name in ("flux", "ivar", "mask", "wavelength"):
        assert np.array_equal(getattr(turned, name), getattr(straight, name))


def test_names_of_columns_decide_and_not_the_shape():
    wavelengths = read_spectrum(file_of(table("COADD_R", columns_of("R", "WAVELENGTH"), vectors=False)))
    logarithms = read_spectrum(file_of(table("COADD_R", columns_of("R", "LOGLAM"), vectors=True)))
    np.testing.assert_allclose(wavelengths.wavelength, logarithms.wavelength, rtol=1e-15)


def test_an_arm_without_rows_counts_as_missing():
    empty = table("COADD_R", {name: values[:0] for name, values in columns_of("R").items()}, vectors=False)
    spectrum = read_spectrum(file_of(table("COADD_B", columns_of("B"), vectors=False), empty))
    assert spectrum.flux.size == SIZES["B"]
    with pytest.raises(UnreadableError, match="no coadded spectrum of either arm"):
        read_spectrum(file_of(empty))


@pytest.mark.parametrize("name", ["ANDMASK", "ORMASK"])
def test_the_and_mask_is_read_or_else_the_or_mask(name):
    columns = columns_of("B", **({} if name == "ANDMASK" else {"ANDMASK": None}))
    spectrum = read_spectrum(file_of(table("COADD_B", columns, vectors=True)))
    assert np.array_equal(spectrum.mask, columns[name])


def test_a_mask_of_true_and_false_is_read_as_1_and_0():
    mask = np.arange(SIZES["B"]) % 5 == 0
    spectrum = read_spectrum(file_of(table("COADD_B", columns_of("B", ANDMASK=mask), vectors=True)))
    assert np.array_equal(spectrum.mask, mask.astype("i4"))


def test_a_mask_that_is_no_bit_mask_has_the_bit_unknown():
    strange = np.full(SIZES["B"], -1, "i4")
    spectrum = read_spectrum(file_of(table("COADD_B", columns_of("B", ANDMASK=strange), vectors=True)))
    assert (spectrum.mask == UNKNOWN_MASK).all()


def bad(**changed):
    return whole(vectors=True, **changed)


def two_rows():
    columns = columns_of("B", "WAVELENGTH")
    made = [fits.Column(name, f"{len(values)}D", array=np.stack([values, values])) for name, values in columns.items()]
    return file_of(fits.BinTableHDU.from_columns(made, name="COADD_B"))


NOTHING = np.full(SIZES["B"], np.nan)
BAD = {
    "no bytes": (b"", "not a FITS file"),
    "exposures alone": (
        file_of(table("B-84420148", columns_of("B"), vectors=False)),
        "no coadded spectrum of either arm: no rows in a table COADD_B or COADD_R; the extensions are B-84420148",
    ),
    "no extension": (file_of(), "the extensions are none"),
    "no flux": (bad(FLUX=None), "table COADD_B has no column FLUX; it has IVAR, WAVELENGTH"),
    "no mask, no axis": (
        bad(ANDMASK=None, ORMASK=None, WAVELENGTH=None),
        "no column ANDMASK or ORMASK, WAVELENGTH or LOGLAM",
    ),
    "no number": (bad(arms="B", WAVELENGTH=NOTHING), r"\(column WAVELENGTH\) are not different positive numbers"),
    "same wavelengths": (bad(arms="B", WAVELENGTH=np.full(SIZES["B"], 5000.0)), "not different positive numbers"),
    "lengths": (bad(arms="B", IVAR=np.ones(9, "f4")), "differ in length, .* 300 of FLUX, 9 of IVAR"),
    "one pixel": (
        file_of(table("COADD_B", {name: values[:1] for name, values in columns_of("B").items()}, vectors=False)),
        "less than two pixels",
    ),
    "text": (
        file_of(table("COADD_B", columns_of("B", FLUX=np.array(["abc"] * SIZES["B"], "S3")), vectors=False)),
        "column FLUX of table COADD_B holds neither a number in each row",
    ),
    "many vectors": (two_rows(), "neither a number in each row nor one row of numbers"),
    "overlap": (
        file_of(*(table(f"COADD_{arm}", columns_of("B"), vectors=False) for arm in "BR")),
        "the arms overlap: blue ends at .*, red begins at 4950.00",
    ),
    "low resolution": (
        file_of(table("COADD", columns_of("B", "WAVELENGTH"), vectors=True)),
        'a low-resolution spectrum, .* survey = "lamost"',
    ),
    "air": (file_of(table("COADD_B", columns_of("B"), vectors=False), VACUUM=False), "not vacuum wavelengths"),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_is_refused_with_the_reason(raw, said):
    with pytest.raises(UnreadableError, match=said):
        read_spectrum(raw)


@pytest.mark.parametrize("row", [{"obsid": "8"}, {"planid": "HIP2"}, {"fiberid": 6}, {"ra": 10.1, "dec": 20.0}])
def test_a_file_of_another_object_is_refused(row):
    with pytest.raises(UnreadableError, match="another object than the catalogue says"):
        read_spectrum(whole(vectors=True), row)


def test_a_file_cut_short_anywhere_is_refused():
    raw = whole(vectors=False)
    for end in range(0, len(raw) - 2880, 2880 * 3):
        with pytest.raises(UnreadableError):
            read_spectrum(raw[:end])
