"""Values of any type as text and numbers, and what counts as missing."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.values import (
    NOTHING,
    infinite,
    joined,
    one_array,
    padded,
    to_float,
    to_integer,
    to_text,
    trimmed,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number != -9999)


@given(st.lists(NUMBERS, min_size=1))
def test_numbers_go_through_text_without_loss(numbers):
    values, bad = to_float(to_text(pa.array(numbers)))
    np.testing.assert_array_equal(values, numbers)
    assert not bad.any()


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1))
def test_whole_numbers_have_no_decimal_point_whatever_their_type(numbers):
    whole = [int(float(number)) for number in numbers]
    assert to_text(pa.array(np.array(whole, float))).to_pylist() == [str(number) for number in whole]
    assert to_text(pa.array(whole)).to_pylist() == [str(number) for number in whole]


@pytest.mark.parametrize("word", NOTHING)
def test_words_for_nothing_are_missing_in_any_case_and_between_blanks(word):
    column = pa.array([f" {word.upper()}\t", word, "G2V"])
    assert to_text(column).to_pylist() == [None, None, "G2V"]
    values, bad = to_float(column.slice(0, 2))
    assert np.isnan(values).all()
    assert not bad.any()


def test_words_for_nothing_stay_where_only_blanks_are_taken_off():
    assert trimmed(pa.array([" none ", None, "a b"])).to_pylist() == ["none", None, "a b"]
    assert trimmed(pa.array([True, None, False])).to_pylist() == ["True", None, "False"]
    assert to_text(pa.array([1.0, np.nan, 0.25])).to_pylist() == ["1", None, "0.25"]


def test_infinite_unknown_and_sentinel_numbers_are_missing():
    values, bad = to_float(pa.array([1.5, np.inf, -np.inf, np.nan, None, -9999.0]))
    np.testing.assert_array_equal(values, [1.5] + [np.nan] * 5)
    assert not bad.any()
    values, bad = to_float(pa.array([7, -9999, None]))
    np.testing.assert_array_equal(values, [7, np.nan, np.nan])
    assert to_float(pa.array([Decimal("1.25"), None]))[0].tolist()[0] == 1.25


def test_text_that_is_no_number_is_marked_and_takes_no_other_with_it():
    values, bad = to_float(pa.array(["+1.5", "-.5e2", "12h", "1,5", "0x10", None, "3."]))
    np.testing.assert_array_equal(values, [1.5, -50, np.nan, np.nan, np.nan, np.nan, 3])
    assert bad.tolist() == [False, False, True, True, True, False, False]


def test_only_infinite_numbers_are_called_so():
    words = pa.array(["inf", "-Infinity", "+INF", "info", None, "1e400"])
    assert infinite(words).tolist() == [True, True, True, False, False, False]
    assert infinite(pa.array([np.inf, 1.0, np.nan, None])).tolist() == [True, False, False, False]
    assert infinite(pa.array([1, 2])).tolist() == [False, False]


@given(st.lists(st.one_of(st.integers(-(2**40), 2**40), st.floats(-1e12, 1e12)), min_size=1))
def test_whole_numbers_are_those_that_fit_into_31_bits(numbers):
    values, bad = to_integer(pa.array([float(number) for number in numbers]))
    for number, value, wrong in zip(numbers, values.tolist(), bad.tolist(), strict=True):
        whole = float(number).is_integer() and number < 2**31
        assert value == (number if whole and number >= 0 else -1)
        assert wrong == (not whole and number != -9999)


@given(st.lists(st.integers(-5, 10**7), min_size=1), st.integers(1, 8))
def test_padded_numbers_keep_their_value_and_negative_ones_are_null(numbers, width):
    for number, text in zip(numbers, padded(np.array(numbers), width).to_pylist(), strict=True):
        if number < 0:
            assert text is None
        else:
            assert int(text) == number
            assert len(text) == max(width, len(str(number)))


def test_joined_texts_are_null_where_a_part_is():
    assert joined(pa.array(["a", None]), "-", pa.array(["1", "2"])).to_pylist() == ["a-1", None]


def test_chunks_and_dictionaries_become_one_array():
    chunks = pa.chunked_array([["a"], ["b", "a"]])
    for column in (chunks, chunks.dictionary_encode()):
        assert one_array(column).equals(pa.array(["a", "b", "a"]))
    assert one_array(pa.chunked_array([], pa.string())).equals(pa.array([], pa.string()))
