"""Objects are found by index or id, and chosen by what their variables hold."""

import numpy as np
import pytest
import xarray as xr

from survey_batch.core.errors import ConfigurationError
from survey_batch.notebook.rows import arranged, chosen, row_of, rows_of

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


def test_nothing_that_is_asked_for_is_cut_to_the_type_of_the_values():
    ds = xr.Dataset(
        {"run": ("object", np.array([1, 2], np.int32)), "snr": ("object", np.array([0.1, 0.2], np.float32))},
        {"label": ("object", np.array(["A", "B"], "U1"))},
    )
    for asked, rows in (
        ({"label": ["AB"]}, []),
        ({"run": [1.5]}, []),
        ({"run": [2**32 + 1, 2]}, [1]),
        ({"run": np.int64(2)}, [1]),
        ({"snr": [0.1]}, [0]),
        ({"snr": 0.2}, [1]),
        ({"label": []}, []),
    ):
        assert np.flatnonzero(chosen(ds, asked)).tolist() == rows


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ({"object_id": 1237648704577142822}, "'object_id' holds text, and 1237648704577142822 is none"),
        ({"object_id": ["a", 7]}, "and 7 is none"),
        ({"label": slice(0, 3)}, "'label' holds text, and 0 is none"),
        ({"snr": "20"}, "'snr' holds numbers, and '20' is none"),
        ({"snr": [20, None]}, "'snr' holds numbers, and None is none"),
        ({"status": slice(1, 2)}, "is no status"),
        ({"status": 1.5}, "1.5 is no status"),
    ],
)
def test_what_cannot_be_compared_is_refused(conditions, said):
    with pytest.raises(ConfigurationError, match=said):
        chosen(DS, conditions)


def test_numbers_and_ids_of_arrays_are_places_and_ids():
    assert [row_of(DS, which) for which in (np.int64(3), DS.object_id[3], xr.DataArray(3))] == [3, 3, 3]
    assert rows_of(DS, DS.object_id[1:3], 9).tolist() == rows_of(DS, np.array([1, 2]), 9).tolist() == [1, 2]


@pytest.mark.parametrize("which", [1.7, np.float32(1), True, np.bool_(True)])
def test_a_fraction_or_a_truth_value_is_no_place(which):
    with pytest.raises(ConfigurationError, match="not by a value of type (float|bool)"):
        row_of(DS, which)


def test_a_dataset_in_another_form_is_arranged_like_a_product():
    ds = DS.assign(flux=(("band", "x", "object", "y"), np.zeros((2, 3, 5, 4))))
    found = arranged(ds.set_index(object="object_id"))
    assert found.flux.dims == ("object", "band", "y", "x")
    assert found.object_id.values.tolist() == list("abcde")
    assert row_of(found, "c") == 2
