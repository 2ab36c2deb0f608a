import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.input_pipeline import STEPS, Step, as_keys, begin, read_steps, run_steps, steps_of, usage
from survey_batch.models.recipe import Recipe
from tests.models.test_input_layout import data


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("mask", ()),
        ("normalise:median", ("median",)),
        ("grid: log, 3800, 9000, 3000", ("log", 3800.0, 9000.0, 3000)),
        ("subtract:0.485,0.456,.406", (0.485, 0.456, 0.406)),
        ("asinh", ()),
        ("stack:last", ("last",)),
        ("select:h_*,dn4000", ("h_*", "dn4000")),
    ],
)
def test_a_step_is_read_from_its_text(text, arguments):
    assert Step.read(text).arguments == arguments


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sharpen", r"no preprocessing step 'sharpen'; there are mask, grid:log\|linear,LOW,HIGH,COUNT, "),
        ("crop", "missing a required argument: 'size'.*write crop:SIZE"),
        ("crop:big", "valid integer.*write crop:SIZE"),
        ("crop:0", "greater than 0"),
        ("crop:3,4", "too many positional arguments"),
        ("normalise:mode", r"should be 'mean'.*write normalise:mean\|median\|l2"),
        ("divide", r"at least one argument.*write divide:NUMBERS,…"),
        ("divide:inf", "finite number"),
        ("asinh:-1", r"greater than 0.*write asinh\[:SOFTENING\]"),
    ],
)
def test_a_step_that_is_not_understood_is_refused_with_how_it_is_written(text, said):
    with pytest.raises(ConfigurationError, match=said):
        Step.read(text)


def test_every_step_has_a_docstring_and_a_way_to_be_written():
    assert all(function.__doc__ and usage(name).startswith(name) for name, function in STEPS.items())


def test_a_recipe_keeps_steps_in_order_beside_other_keys():
    steps = read_steps([f"clip:0,{number}" for number in range(1, 13)])
    kept = {"outputs": '["y"]', **dict(sorted(as_keys(steps).items()))}
    assert list(kept) != sorted(kept, key=len), "as text, 10 comes before 2"
    recipe = Recipe(product="spectra", variables=("flux",), shape=(4,), steps=kept)
    assert steps_of(recipe) == steps


def test_the_recipe_gives_names_dimensions_and_wavelengths():
    recipe = Recipe(
        product="features",
        variables=("value",),
        shape=(2,),
        dims={"value": ("feature",)},
        names={"feature": ("a", "b")},
    )
    begun = begin({"value": np.array([[1.0, 2.0]], "f4"), "other": np.zeros(1)}, recipe)
    made = run_steps(begun, read_steps(["select:b,a", "subtract:1,1"]))
    assert made.values["value"].tolist() == [[1.0, 0.0]]


def test_a_row_that_still_lacks_a_value_is_not_possible_and_blank():
    flux = np.array([[1.0, np.nan], [2.0, 3.0]], "f4")
    made = run_steps(data(("wavelength",), flux=flux), ())
    assert made.possible.tolist() == [False, True]
    assert made.values["flux"].tolist() == [[0.0, 0.0], [2.0, 3.0]]


def test_a_row_without_any_value_stays_impossible_after_it_is_filled():
    flux = np.full((1, 3), np.nan, "f4")
    made = run_steps(data(("wavelength",), flux=flux), read_steps(["nan:zero"]))
    assert made.possible.tolist() == [False]
