from io import BytesIO

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import MaskedColumn, Table

from survey_batch.catalog.arrays import arrow_array, fits_array


def column(form, values, **more):
    """Write a column to a FITS file and read it."""
    array = values
    if isinstance(values, list):
        array = np.empty(len(values), dtype=object)
        for place, value in enumerate(values):
            array[place] = np.array(value)
    hdu = fits.BinTableHDU.from_columns([fits.Column("x", form, array=array, **more)])
    buffer = BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    with fits.open(BytesIO(buffer.getvalue())) as hdus:
        return fits_array(hdus[1], "x").to_pylist()


@pytest.mark.parametrize(
    ("form", "values", "more", "read"),
    [
        ("K", np.array([2**60 + 1, -1]), {"null": -1}, [2**60 + 1, None]),
        ("2J", np.array([[1, -1], [3, 4]]), {"null": -1}, [[1, None], [3, 4]]),
        ("2E", np.array([[1.5, np.nan]]), {}, [[1.5, None]]),
        ("4D", np.arange(4.0).reshape(1, 2, 2), {"dim": "(2,2)"}, [[[0, 1], [2, 3]]]),
        ("PE()", [[1.5], [], [2.5, np.nan]], {}, [[1.5], [], [2.5, None]]),
        ("PJ()", [[1, -1], [3]], {"null": -1}, [[1, None], [3]]),
        ("C", np.array([1 + 2j]), {}, [[1, 2]]),
        ("3A", np.array([" a ", ""]), {}, [" a", None]),
        ("4A", np.array([["a", "bc"]]), {"dim": "(2,2)"}, [["a", "bc"]]),
        ("K", np.array([2**63 + 5, 7], "u8"), {"bzero": 2**63}, [2**63 + 5, 7]),
        ("2X", np.array([[True, False]]), {}, [[True, False]]),
    ],
)
def test_columns_of_every_form_and_their_absent_values_are_read(form, values, more, read):
    assert column(form, values, **more) == read


def test_a_fits_boolean_that_is_neither_true_nor_false_is_null():
    hdu = fits.BinTableHDU.from_columns([fits.Column("x", "L", array=np.array([True, False, True]))])
    hdu.data.view(np.ndarray)["x"][2] = 0
    assert fits_array(hdu, "x").to_pylist() == [True, False, None]


def test_nulls_of_unsigned_integers_are_those_of_the_standard_and_those_of_astropy():
    stored = fits.Column("x", "I", array=np.array([5, 32768 + 7], "u2"), bzero=32768, null=7)
    assert fits_array(fits.BinTableHDU.from_columns([stored]), "x").to_pylist() == [5, None]
    scaled = fits.Column("x", "I", array=np.array([5, 7], "u2"), bzero=32768, null=7)
    assert fits_array(fits.BinTableHDU.from_columns([scaled]), "x").to_pylist() == [5, None]


def test_text_that_is_not_ascii_is_read_all_the_same():
    for text, encoding in (("Boötes", "utf-8"), ("Boötes", "latin-1")):
        hdu = fits.BinTableHDU.from_columns([fits.Column("x", "8A", array=np.array([b"        "]))])
        hdu.data.view(np.ndarray)["x"][0] = text.encode(encoding)
        assert fits_array(hdu, "x").to_pylist() == [text]


def test_columns_of_a_votable_and_their_absent_values_are_read():
    buffer = BytesIO()
    ids = MaskedColumn(np.array([2**62 + 1, 7]), mask=[False, True])
    table = Table({"id": ids, "mags": np.array([[1.5, np.nan], [3, 4]]), "name": ["é", ""], "clean": [True, False]})
    table.write(buffer, format="votable")
    found = parse(BytesIO(buffer.getvalue())).get_first_table().to_table()
    assert {name: arrow_array(found[name]).to_pylist() for name in found.colnames} == {
        "id": [2**62 + 1, None],
        "mags": [[1.5, None], [3, 4]],
        "name": ["é", None],
        "clean": [True, False],
    }


@pytest.mark.parametrize(("null", "read"), [(99, [99.0, -9.9, None, 0.5]), (-99, [99.0, None, 9.9, 0.5])])
def test_tnull_of_scaled_integers_is_of_what_is_stored(null, read):
    def written(form, values):
        hdu = fits.BinTableHDU.from_columns([fits.Column("x", form, array=values)])
        hdu.header["TSCAL1"], hdu.header["TNULL1"] = 0.1, null
        buffer = BytesIO()
        hdu.writeto(buffer)
        with fits.open(BytesIO(buffer.getvalue())) as hdus:
            return fits_array(hdus[1], "x").to_pylist()

    stored = np.array([990, -99, 99, 5], np.int16)
    assert written("I", stored) == [None if value is None else pytest.approx(value) for value in read]


def test_a_value_of_an_unsigned_column_that_equals_a_stored_tnull_stays():
    stored = fits.Column("x", "I", array=np.array([7, 32768 + 7], "u2"), bzero=32768, null=7)
    assert fits_array(fits.BinTableHDU.from_columns([stored]), "x").to_pylist() == [7, None]


def test_a_complex_column_among_others_is_pairs():
    columns = [
        fits.Column("a", "D", array=np.arange(2.0)),
        fits.Column("c", "M", array=np.array([1 + 2j, complex(3, np.nan)])),
        fits.Column("v", "2C", array=np.ones((2, 2), "c8")),
    ]
    hdu = fits.BinTableHDU.from_columns(columns)
    assert fits_array(hdu, "c").to_pylist() == [[1, 2], [3, None]]
    assert fits_array(hdu, "v").to_pylist() == [[[1, 0], [1, 0]]] * 2
