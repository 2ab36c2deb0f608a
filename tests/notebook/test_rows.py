"""Objects are found by index or id, and chosen by what their variables hold."""

import numpy as np
import pytest
import xarray as xr

from survey_batch.core.errors import ConfigurationError
from survey_batch.notebook.rows import chosen, row_of, rows_of

DS = xr.Dataset(
    {"status": ("object", np.array([1, 2, 3, 8, 1], np.uint8)), "snr": ("object", [10.0, np.nan, 20, 30, 40])},
    {
        "object_id": ("object", np.array(list("abcde"), object)),
        "label": ("object", np.array([*"AAFG", ""], object)),
    },
)


def indices(**conditions):
    return np.flatnonzero(chosen(DS, conditions)).tolist()


def test_an_object_is_found_by_its_place_from_either_end_or_by_its_id():
    assert [row_of(DS, which) for which in (0, 4, -1, "c")] == [0, 4, 4, 2]


@pytest.mark.parametrize(
    ("which", "said"), [(5, "the objects 0 to 4"), (-6, "the objects 0 to 4"), ("z", "the id 'z'")]
)
def test_an_object_that_is_not_there_is_refused(which, said):
    with pytest.raises(ConfigurationError, match=said):
        row_of(DS, which)


def test_a_dataset_without_objects_is_refused():
    with pytest.raises(ConfigurationError, match="no axis 'object'"):
        row_of(xr.Dataset({"image": (("y", "x"), np.zeros((2, 2)))}), 0)


def test_objects_are_chosen_by_a_value_by_several_or_by_a_range_with_both_ends():
    assert indices(label="A") == [0, 1]
    assert indices(label=["F", "G"]) == [2, 3]
    assert indices(snr=slice(10, 20)) == [0, 2]
    assert indices(snr=slice(20, None)) == [2, 3, 4]
    assert indices(label="A", snr=slice(None, 15)) == [0]
    assert indices() == [0, 1, 2, 3, 4]


def test_statuses_go_by_their_names():
    assert indices(status="ok") == [0, 4]
    assert indices(status="usable") == [0, 1, 4]
    assert indices(status=["not_found", "failed"]) == [2, 3]
    assert indices(status=2) == [1]
    with pytest.raises(ConfigurationError, match=r"'fine' is no status; there are usable, pending, ok, partial"):
        indices(status="fine")


def test_a_variable_that_is_not_there_is_refused_with_one_like_it():
    with pytest.raises(ConfigurationError, match=r"'labels' .* \(did you mean 'label'\?\); there are label, object_id"):
        indices(labels="A")


def test_without_a_wish_objects_with_data_are_taken_evenly_spaced():
    assert rows_of(DS, None, 2).tolist() == [0, 4]
    assert rows_of(DS, None, 9).tolist() == [0, 1, 4]
    assert rows_of(DS, ["b", -1], 9).tolist() == [1, 4]
