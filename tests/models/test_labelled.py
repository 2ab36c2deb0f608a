from dataclasses import replace

import numpy as np
import pytest

from survey_batch.models.labelled import Labelled


class OnDisk:
    """Counts how many rows are read at a time."""

    def __init__(self, values):
        self.values, self.shape, self.most = values, values.shape, 0

    def __getitem__(self, rows):
        part = self.values[rows]
        self.most = max(self.most, len(part))
        return part


@pytest.fixture
def source():
    return OnDisk(np.arange(300.0).reshape(100, 3))


@pytest.fixture
def data(source):
    label, blank = np.where(np.arange(100) % 3, "a", "b"), np.full(100, "")
    split = np.where(np.arange(100) % 5, "train", "test")
    return Labelled({"value": source}, label, split, blank, np.arange(100), {})


def test_rows_are_read_when_they_are_used_and_some_at_a_time(data, source):
    part = data.of_split("train").of_classes(("a",))
    assert source.most == 0
    read = np.concatenate([block["value"] for _, block in part.blocks(16)])
    assert source.most == 16
    expected = (np.arange(100) % 5 > 0) & (np.arange(100) % 3 > 0)
    np.testing.assert_array_equal(read, source.values[expected])


def test_a_choice_of_a_choice_is_of_the_same_rows(data, source):
    np.testing.assert_array_equal(
        data.take(np.arange(50, 100)).take(np.array([3, 1])).block["value"], source.values[[53, 51]]
    )


def test_the_fingerprint_is_of_the_data_and_the_labels(data):
    part = data.take(np.arange(10))
    in_memory = Labelled(part.block, part.label, part.split, part.object_id, part.star, {})
    assert part.fingerprint() == in_memory.fingerprint()
    assert part.fingerprint() != data.take(np.arange(1, 11)).fingerprint()
    assert part.fingerprint() != data.take(np.arange(10)[::-1]).fingerprint()


def test_the_recipe_for_some_variables_notes_shapes_wavelengths_and_names(data):
    wavelength, names = 10 ** (1e-4 * (36000 + np.arange(5))), np.array(["line_a", "component_000"])
    more = replace(
        data,
        source={"flux": np.zeros((100, 5)), "redshift": np.zeros(100), "value": np.zeros((100, 2))},
        coordinates={"wavelength": wavelength, "feature": names},
        basis="those",
    )
    recipe = more.recipe("spectra", ("flux", "redshift"), method="mean", bins=3)
    assert (recipe.shape, recipe.shapes, recipe.steps) == ((5,), {"redshift": ()}, {"method": "mean", "bins": 3})
    assert (recipe.grid.first, recipe.names, recipe.basis) == (36000, {"feature": tuple(names)}, "those")
    recipe.check_product(more.coordinates, more.shapes)
    assert data.recipe("features", ("value",)).model_dump(exclude_defaults=True) == {
        "product": "features",
        "variables": ("value",),
        "shape": (3,),
    }
