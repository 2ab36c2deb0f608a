import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.results.export import with_types
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.text import Types


def test_text_becomes_numbers_only_where_no_digit_is_lost():
    table = pa.table(
        {
            "whole": ["1", "-2", ""],
            "real": ["1.5", "null", "-3e4"],
            "long_id": ["1237663204920852500.0", "1237663204920852501.0", "7"],
            "padded": ["0266", "0267", "1000"],
            "name": ["G5", "G5", "M1"],
        }
    )
    typed = with_types(table)
    assert typed["whole"].to_pylist() == [1, -2, None]
    assert typed["real"].to_pylist() == [1.5, None, -3e4]
    for name in ("long_id", "padded", "name"):
        assert typed[name].equals(table[name])


def test_empty_text_is_null_and_words_in_text_stay():
    typed = with_types(pa.table({"name": ["G5", "", " ", "None"], "empty": ["", "", "", ""]}))
    assert typed["name"].to_pylist() == ["G5", None, None, "None"]
    assert typed["empty"].to_pylist() == [None] * 4


@pytest.mark.parametrize(
    ("text", "kind", "numbers"),
    [
        (["1237648704577142822", ""], pa.int64(), [1237648704577142822, None]),
        (["9223372036854775807", "-9223372036854775808"], pa.int64(), [2**63 - 1, -(2**63)]),
        (["14127648704577142822", "1"], pa.uint64(), [14127648704577142822, 1]),
        (["701001.0", "nan", "701003."], pa.int64(), [701001, None, 701003]),
        (["14127648704577142822", "-1"], pa.string(), ["14127648704577142822", "-1"]),
        (["1.5", "inf", "-Infinity"], pa.float64(), [1.5, float("inf"), float("-inf")]),
        (["+1.5", "-0"], pa.float64(), [1.5, 0.0]),
        (["True", "", "FALSE"], pa.bool_(), [True, None, False]),
        (["True", "1"], pa.string(), ["True", "1"]),
        (["1.123456789012345678901", "2.5"], pa.string(), ["1.123456789012345678901", "2.5"]),
        (["64.2211589000000012", "1.5"], pa.string(), ["64.2211589000000012", "1.5"]),
        (["10.684708333333333", "0.10000000000000001"], pa.float64(), [10.684708333333333, 0.1]),
        (["1.000000000000000056e-01", "4924345678.125"], pa.float64(), [0.1, 4924345678.125]),
        (["1E+300", "-2.5e-300"], pa.float64(), [1e300, -2.5e-300]),
        (["1E+400", "1"], pa.string(), ["1E+400", "1"]),
        (["1e-400", "1"], pa.string(), ["1e-400", "1"]),
    ],
)
def test_text_of_a_file_without_types_becomes_what_fits(text, kind, numbers):
    column = with_types(pa.table({"x": text}))["x"]
    assert (column.type, column.to_pylist()) == (kind, numbers)


def test_a_decimal_point_that_is_dropped_is_said():
    changes = Changes()
    with_types(pa.table({"obsid": ["701001.0", "701002.0"], "run": ["1", "2"]}), changes)
    assert changes.lines() == ["obsid: whole numbers that are written with a decimal point became integers"]


def test_long_identifiers_of_a_file_with_types_become_integers_and_other_text_stays():
    changes = Changes()
    given = {"SPECOBJID": ["  299489677444933000", "14127648704577142822", None], "plate": ["266", "267", "268"]}
    types = Types(typed=given)
    types.look(pa.table(given))
    types.note(changes)
    table = types.convert(pa.table(given))
    assert table["SPECOBJID"].to_pylist() == [299489677444933000, 14127648704577142822, None]
    assert table["plate"].to_pylist() == ["266", "267", "268"]
    assert changes.lines() == ["SPECOBJID: identifiers that were kept as text became integers"]


def test_a_double_halfway_between_two_texts_comes_back_from_the_one_that_python_writes():
    """Python writes 2^-24 = 5.9604644775390625e-08 with an odd last digit; rounded to even, it would end in 2."""
    assert with_types(pa.table({"x": [repr(2.0**-24)]}))["x"].to_pylist() == [2.0**-24]
    assert with_types(pa.table({"x": [repr(2.0**-24), "0.12345678901234567890123"]}))["x"].type == pa.string()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.sampled_from(["r", ".17g", ".18e"]))
def test_doubles_of_any_size_come_back_from_text_of_all_their_digits(numbers, form):
    text = [repr(number) if form == "r" else format(number, form) for number in numbers]
    column = with_types(pa.table({"x": [*text, "0.5"]}))["x"]
    if column.type == pa.float64():
        assert column.to_pylist() == [*numbers, 0.5]
    else:  # numbers of many digits before the point may be identifiers
        assert column.to_pylist() == [*text, "0.5"]
        assert any(abs(number) >= 1e15 for number in numbers)
