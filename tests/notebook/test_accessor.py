"""What can be done with a dataset of objects."""

import inspect

import numpy as np
import pytest
import xarray as xr

import survey_batch.notebook.accessor as module
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status

STATUSES = np.array([Status.OK, Status.NOT_FOUND, Status.PARTIAL], np.uint8)


def made():
    return xr.Dataset(
        {"snr": ("object", [5.0, 20.0, np.nan]), "status": ("object", STATUSES)},
        {"object_id": ("object", ["a", "é", "c"]), "label": ("object", ["A", "F", "A"])},
    )


def test_the_accessor_names_all_that_it_can_do():
    said = repr(made().sb)
    public = [name for name, _ in inspect.getmembers(module.Accessor, inspect.isfunction) if not name.startswith("_")]
    assert [name for name in public if f"{name}(" not in said] == []


def test_objects_are_found_by_id_or_place():
    assert [made().sb.row(which) for which in ("é", 2, -3)] == [1, 2, 0]
    with pytest.raises(ConfigurationError, match="'none'"):
        made().sb.row("none")


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, ["a", "é", "c"]),
        ({"label": "A"}, ["a", "c"]),
        ({"label": ["A", "F"], "snr": slice(5, 20)}, ["a", "é"]),
        ({"status": "usable"}, ["a", "c"]),
        ({"label": "none"}, []),
    ],
)
def test_a_selection_is_a_dataset_of_the_objects_that_fulfil_all_conditions(conditions, ids):
    part = made().sb.select(**conditions)
    assert part.object_id.values.tolist() == ids
    assert set(part.variables) == set(made().variables)


def test_objects_are_drawn_alike_in_any_order_of_axes_and_with_ids_as_their_index():
    shape = (3, 3, 4, 5)
    ds = made().assign(
        flux=(("object", "band", "y", "x"), np.random.default_rng(0).normal(size=shape).astype(np.float32)),
        x_object=(("object", "band"), np.full(shape[:2], 2.0)),
        y_object=(("object", "band"), np.full(shape[:2], 1.5)),
        band=("band", list("gri")),
    )
    usual = np.asarray(ds.sb.to_image("é"))
    for other in (ds.transpose("x", "y", "band", "object"), ds.set_index(object="object_id")):
        assert np.array_equal(np.asarray(other.sb.to_image("é")), usual)
        assert other.sb.gallery().axes
        assert other.sb.show(ds.object_id[1]).axes
        assert other.sb.select(label="F").flux.dims == other.flux.dims


def test_a_picture_of_fewer_than_three_channels_is_refused():
    ds = made().assign(image=(("object", "y", "x", "channel"), np.zeros((3, 4, 4, 3), np.uint8)))
    assert ds.sb.to_image(0).size == (4, 4)
    with pytest.raises(ConfigurationError, match="takes 3 channels, and this dataset has 1"):
        ds.isel(channel=[0]).sb.to_image(0)
