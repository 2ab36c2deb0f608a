"""Batches hold each object once an epoch, in order or in a new order each time."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.notebook.batches import batches


def dataset(objects, chunk=None):
    number = np.arange(objects)
    flux = np.repeat(number[:, None], 3, axis=1)
    if chunk:
        flux = da.from_array(flux, chunks=(chunk, 3))
    return xr.Dataset({"flux": (("object", "x"), flux), "number": ("object", number), "x": ("x", [1, 2, 3])})


@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 25), st.integers(1, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_each_object_comes_once_an_epoch_with_its_own_values(objects, chunk, size, mix, shuffle):
    made = batches(dataset(objects, chunk), size, shuffle=shuffle, mix=mix)
    found = list(made)
    assert len(found) == len(made)
    assert all(len(batch["number"]) == size for batch in found[:-1])
    numbers = np.concatenate([batch["number"] for batch in found]) if found else np.arange(0)
    assert sorted(numbers.tolist()) == list(range(objects))
    assert all((batch["flux"] == batch["number"][:, None]).all() for batch in found)
    if not shuffle:
        assert numbers.tolist() == list(range(objects))


def test_each_epoch_has_another_order_and_a_seed_repeats_them():
    ds = dataset(64, 8)
    made, again = batches(ds, 64, ["number"], shuffle=True), batches(ds, 64, ["number"], shuffle=True)
    epochs = [next(iter(made))["number"].tolist() for _ in range(3)]
    assert len(set(map(tuple, epochs))) == 3
    assert [next(iter(again))["number"].tolist() for _ in range(3)] == epochs
    other = batches(ds, 64, ["number"], shuffle=True, seed=1)
    assert next(iter(other))["number"].tolist() != epochs[0]


def test_objects_are_batched_whatever_their_axis_is():
    ds = dataset(7, 3)
    for batch in batches(ds.transpose("x", "object"), 2, ["flux", "number"], shuffle=True):
        assert (batch["flux"] == batch["number"][:, None]).all()


def test_a_shuffled_batch_mixes_several_blocks():
    first = next(iter(batches(dataset(64, 8), 8, ["number"], shuffle=True, mix=4)))
    assert len(set((first["number"] // 8).tolist())) > 1


def test_a_loop_that_ends_early_ends_the_reading(monkeypatch):
    made = batches(dataset(1000, 10), 10, ["number"], shuffle=True)
    read, blocks = type(made)._read, []
    monkeypatch.setattr(type(made), "_read", lambda self, block: blocks.append(block) or read(self, block))
    for _ in made:
        break
    assert len(blocks) < 20


def test_what_cannot_be_read_is_refused():
    with pytest.raises(ConfigurationError, match="no variable 'fluxes' of objects; there are flux, number"):
        batches(dataset(4), 2, ["fluxes"])
    with pytest.raises(ConfigurationError, match="no variable 'x' of objects"):
        batches(dataset(4), 2, ["x"])
    with pytest.raises(ConfigurationError, match="1 or more"):
        batches(dataset(4), 0)
