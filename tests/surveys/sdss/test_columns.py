"""Columns and names of SDSS objects."""

import numpy as np
import pyarrow as pa

from survey_batch.surveys.lamost.survey import fibre_names
from survey_batch.surveys.sdss.columns import FIELD, fibre, field_columns, field_names, spectrum_names, substitute_ids


class Rows:
    """Rows of a catalogue; a column that is not there is -1 throughout."""

    def __init__(self, **columns):
        self.columns, self.count = columns, len(next(iter(columns.values())))

    def numbers(self, name):
        return np.array(self.columns.get(name, [-1] * self.count))

    integer = numbers


def ids(**columns):
    beside = {"run": [94, 94], "camcol": [1, 1], "field": [11, 12], "ra": [10.5, 10.5], "dec": [-0.5, -0.5]}
    return {how: names.to_pylist() for how, names in substitute_ids(Rows(**{**beside, **columns}))}


def test_the_rerun_is_never_needed_and_the_rest_where_frames_are():
    assert [column.needed for column in field_columns(needed=True)] == [False, True, True, True]
    assert not any(column.needed for column in field_columns(needed=False))
    assert tuple(column.name for column in field_columns(needed=True)) == FIELD
    assert all(column.kind == "integer" for column in field_columns(needed=True))


def test_fields_are_named_as_in_the_files_of_frames():
    names = field_names(np.array([94, 8162, -1]), np.array([1, 6, 2]), np.array([11, 4095, 3]))
    assert names.to_pylist()[:2] == ["000094-1-0011", "008162-6-4095"]


def test_ids_are_made_of_the_spectrum_where_these_tell_objects_apart():
    found = ids(plate=[266, 266], mjd=[51602, 51602], fiberid=[1, 2])
    assert found["plate-mjd-fiberid"] == ["0266-51602-0001", "0266-51602-0002"]
    assert "plate-mjd-fiberid" not in ids(plate=[266, 266], mjd=[51602, 51602], fiberid=[1, 1])


def test_objects_without_a_spectrum_are_told_apart_by_field_and_position():
    found = ids()
    assert found["plate-mjd-fiberid"] == [None, None]
    first, second = found["run-camcol-field and the position"]
    assert first.startswith("000094-1-0011-")
    assert second == first.replace("0011", "0012")


def test_a_fibre_has_three_numbers():
    assert {name: values.tolist() for name, values in fibre(Rows(plate=[266])).items()} == {
        "plate": [266],
        "mjd": [-1],
        "fiberid": [-1],
    }


def test_names_of_spectra_follow_their_files():
    assert spectrum_names(np.array([396, 0]), np.array([51816, 51816]), np.array([331, 1])).to_pylist() == [
        "0396-51816-0331",
        None,
    ]
    fibre = fibre_names(np.array([55862]), pa.array(["B6212"]), np.array([6]), np.array([3]))
    assert fibre.to_pylist() == ["55862-B6212-sp06-003"]
