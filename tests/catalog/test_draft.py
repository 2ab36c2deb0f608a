"""Columns under our names, and the first thing that is wrong with each row."""

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.catalog.angles import Angle
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.core.errors import ConfigurationError


def draft(unreadable=(), **columns):
    """A draft whose file calls `ra` `RA`, and so on."""
    table = pa.table({name.upper(): values for name, values in columns.items()})
    return Draft(Rows(table, dict(unreadable), notes=("of the file",)), {name: name.upper() for name in columns})


def test_a_column_that_is_not_there_is_missing_in_every_row():
    rows = draft(ra=[1.0, 2.0])
    assert len(rows) == 2
    assert rows.text("label").to_pylist() == [None, None]
    assert np.isnan(rows.number("snr")).all()
    assert rows.integer("run").tolist() == rows.whole_number("run").tolist() == [-1, -1]
    assert rows.infinite("dec").tolist() == [False, False]
    values, wrong = rows.angle("dec")
    assert np.isnan(values).all()
    assert not wrong.any()


def test_values_that_cannot_be_understood_are_missing_with_one_note_by_the_file_s_name():
    rows = draft(snr=["1.5", "bright", ""], run=["7", "x", "-3"])
    np.testing.assert_array_equal(rows.number("snr"), [1.5, np.nan, np.nan])
    assert rows.integer("run").tolist() == [7, -1, -1]
    assert rows.notes == [
        "of the file",
        "column 'SNR' (snr) holds text that is not a number: such values count as missing",
        "column 'RUN' (run) holds values that are not whole numbers from 0 up: such values count as missing",
    ]
    assert not rows.problem.any()


def test_a_key_that_is_no_whole_number_makes_its_row_unusable():
    rows = draft(run=["94", "94.5", ""])
    assert rows.whole_number("run").tolist() == [94, -1, -1]
    assert rows.problem.tolist() == ["", "RUN = '94.5'; run is not a whole number from 0 to 2147483647", ""]


def test_the_first_problem_of_a_row_stays():
    rows = draft({0: "torn"}, ra=["1", "2", "3"], dec=["4", "5", None])
    rows.reject(np.array([True, False, True]), "no position", "ra", "dec", "absent")
    rows.reject(np.array([True, True, True]), "too late")
    assert rows.problem.tolist() == ["torn", "too late", "RA = '3', DEC = ''; no position"]


def test_angles_are_read_as_they_are_written():
    rows = Draft(Rows(pa.table({"a": ["12:30:00", "x"]})), {"ra": "a"}, {"ra": Angle("h", 15.0, sexagesimal=True)})
    values, wrong = rows.angle("ra")
    assert values[0] == pytest.approx(187.5)
    assert wrong.tolist() == [False, True]


@pytest.mark.parametrize("values", [pa.array([[1.0], [2.0]]), pa.array([{"a": 1}, {"a": 2}])])
def test_a_column_of_several_values_is_refused(values):
    with pytest.raises(ConfigurationError, match="column 'SNR' holds vectors, not one value: name another"):
        draft(snr=values)


def test_bytes_are_text_where_they_can_be_read_and_refused_otherwise():
    assert draft(label=pa.array([b"G2V", None])).text("label").to_pylist() == ["G2V", None]
    with pytest.raises(ConfigurationError, match=r"column 'LABEL' \(label\) holds bytes that are not text"):
        draft(label=pa.array([b"\xff\xfe\xff"]))


def test_an_identifier_keeps_every_digit_or_is_missing():
    ids = [2**62 + 1, 7]
    assert draft(targetid=ids).identifier("targetid").to_pylist() == [str(2**62 + 1), "7"]
    assert draft(targetid=[float(2**62), 7.0]).identifier("targetid").to_pylist() == [None, "7"]
    assert draft(ra=[1.0]).identifier("targetid").to_pylist() == [None]
