"""The form that a column takes in FITS, and what is said of it."""

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.results.export import fits_columns as forms
from survey_batch.results.export import fits_text
from survey_batch.results.export.fits_columns import encode

KINDS = [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()]


@st.composite
def integers(draw):
    kind = draw(st.sampled_from(KINDS))
    signed = not pa.types.is_unsigned_integer(kind)
    low, high = (-(2 ** (kind.bit_width - 1)) if signed else 0), 2 ** (kind.bit_width - signed) - 1
    values = st.one_of(st.none(), st.integers(low, high), st.sampled_from([low, high]))
    return pa.array(draw(st.lists(values, min_size=1, max_size=6)), kind)


@given(integers())
def test_integers_are_themselves_and_their_null_is_none_of_them(column):
    found = encode(column)
    if forms.LARGE in found.notes:
        assert column.type == pa.uint64()
        assert [text.decode() for text in found.array.tolist()] == [
            "" if value is None else str(value) for value in column.to_pylist()
        ]
        return
    values = [None if value == found.null else value for value in found.array.tolist()]
    assert values == column.to_pylist()
    assert (found.null is None) == (column.null_count == 0)
    assert found.array.dtype.kind == "i" or not column.null_count or column.type == pa.uint8()


def test_a_byte_of_which_every_value_is_used_becomes_wider_where_there_is_a_gap():
    full = pa.array([*range(256), None], pa.uint8())
    assert encode(full.slice(0, 256)).array.dtype == np.uint8
    found = encode(full)
    assert (found.array.dtype, found.array[-1]) == (np.int16, found.null)
    assert found.null < 0


def test_booleans_with_gaps_are_bytes_as_readers_disagree():
    assert encode(pa.array([True, False])).array.dtype == bool
    found = encode(pa.array([True, None, False]))
    assert found.array.tolist() == [1, 255, 0]
    assert (found.null, found.notes) == (255, (forms.GAPS,))


def test_an_absent_float_is_nan_and_a_nan_that_was_there_is_told():
    found = encode(pa.array([0.1, None], pa.float32()))
    assert found.notes == ()
    np.testing.assert_array_equal(found.array, np.array([0.1, np.nan], np.float32))
    assert encode(pa.array([np.nan, 1.0])).notes == (forms.NAN,)
    assert encode(pa.array(np.array([0.5], np.float16))).array.dtype == np.float32


@pytest.mark.parametrize(
    ("value", "kind", "expected", "note"),
    [
        (Decimal("0.1"), pa.decimal128(15, 1), 0.1, forms.NUMBERS),
        (Decimal("12345678901234.56"), pa.decimal128(16, 2), b"12345678901234.56", forms.DIGITS),
    ],
)
def test_decimals_keep_all_their_digits(value, kind, expected, note):
    found = encode(pa.array([value], kind))
    assert found.array.tolist() == [expected]
    assert found.notes == (note,)


@pytest.mark.parametrize(
    ("texts", "stored", "notes"),
    [
        (["G2V", None], [b"G2V", b""], ()),
        (["", "a"], [b"", b"a"], (fits_text.BLANKS,)),
        (["a "], [b"a"], (fits_text.BLANKS,)),
        (["\xe9\\"], [rb"\xe9\\"], (fits_text.ESCAPED,)),
    ],
)
def test_text_is_ascii_and_what_readers_drop_is_told(texts, stored, notes):
    found = encode(pa.array(texts))
    assert [text.rstrip() for text in found.array.tolist()] == stored
    assert found.notes == notes


def test_times_are_iso_text_in_utc_where_there_is_a_zone():
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    assert encode(pa.array([when], pa.timestamp("ms"))).array.tolist() == [b"2026-01-02T03:04:05"]
    east = encode(pa.array([when], pa.timestamp("s", "Asia/Shanghai")))
    assert east.array.tolist() == [b"2026-01-02T03:04:05Z"]
    assert east.notes == (forms.UTC,)


def test_times_of_other_years_are_counted_from_1970():
    found = encode(pa.array([253402300800], pa.timestamp("s")))  # the first second of the year 10000
    assert found.array.tolist() == [253402300800]
    assert found.unit == "s"
    assert forms.COUNTED in found.notes


def test_lists_of_one_length_are_vectors_and_others_are_not():
    vectors = encode(pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int16())))
    assert vectors.array.shape == (3, 2)
    assert vectors.array[1].tolist() == [vectors.null] * 2
    unequal = encode(pa.array([[1], [2, 3], None], pa.list_(pa.int16())))
    assert [row.tolist() for row in unequal.array] == [[1], [2, 3], []]
    assert unequal.notes == (forms.EMPTY,)
    cube = encode(pa.array([[[1.0, 2.0]], [[3.0, 4.0]]], pa.list_(pa.list_(pa.float64()))))
    assert cube.array.shape == (2, 1, 2)


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        (pa.array([[{"a": 1}], None]), [b'[{"a": 1}]', b""]),
        (pa.array([["a"], ["b", "c"]]), [b'["a"]', b'["b", "c"]']),
        (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), [b'[["k", 1]]']),
    ],
)
def test_what_fits_has_no_type_for_is_json(column, stored):
    found = encode(column)
    assert found.array.tolist() == stored
    assert forms.JSON in found.notes


def test_bytes_are_lists_of_numbers_and_dictionaries_their_values():
    found = encode(pa.array([b"ab", b"c"]))
    assert [row.tolist() for row in found.array] == [[97, 98], [99]]
    assert forms.BYTES in found.notes
    assert encode(pa.array(["x", "y", "x"]).dictionary_encode()).array.tolist() == [b"x", b"y", b"x"]
