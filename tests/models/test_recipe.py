"""What a classifier's manifest says of its input, and the products that suit it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.models.recipe import Grid, Recipe, made_with
from survey_batch.spectra.grid import log_grid


@pytest.fixture
def recipe(wavelength):
    grid = Grid.of(wavelength)
    return Recipe(product="spectra", variables=("flux", "ivar"), shape=(grid.count,), grid=grid)


def test_a_product_on_another_grid_is_refused(recipe, wavelength):
    recipe.check_product({"wavelength": wavelength})
    for other in (
        wavelength[1:],
        wavelength * 1.0001,
        np.linspace(wavelength[0], wavelength[-1], wavelength.size),
    ):
        with pytest.raises(PlanMismatchError, match="not those the classifier takes"):
            recipe.check_product({"wavelength": other})


def test_a_product_without_wavelengths_is_refused(recipe):
    with pytest.raises(PlanMismatchError, match="no coordinate 'wavelength'"):
        recipe.check_product({})


def test_images_of_other_bands_or_size_are_refused():
    recipe = Recipe(product="cutouts", variables=("flux",), shape=(3, 8, 8), names={"band": ("g", "r", "i")})
    recipe.check_product({"band": np.array(["g", "r", "i"])}, {"flux": (3, 8, 8), "coverage": (3,)})
    with pytest.raises(PlanMismatchError, match=r"number 1 is 'i' and was 'r'; number 2 .* \(3 there, 3 in training"):
        recipe.check_product({"band": np.array(["g", "i", "r"])})
    with pytest.raises(PlanMismatchError, match=r"of shape \(3, 8, 8\) per object, not \(3, 9, 9\)"):
        recipe.check_product({"band": np.array(["g", "r", "i"])}, {"flux": (3, 9, 9)})
    with pytest.raises(PlanMismatchError, match="no coordinate 'band'"):
        recipe.check_product({})


def test_a_product_made_with_other_settings_is_refused_wherever_it_comes_from():
    made = {"composites.q": 8.0, "composites.bands": "irg"}
    recipe = Recipe(product="composites", variables=("image",), shape=(8, 8, 3), made=made)
    recipe.check_made(
        {
            **made,
            "archive.root": "elsewhere",
            "frames.bands": "gri",
            "catalog": "other",
            "shards.objects": 7,
            "cutouts.aperture_correction": False,
            "spectra.dispersion": True,
            "variables": ["image"],
        }
    )
    with pytest.raises(
        PlanMismatchError, match=r"composites\.q is 2\.0 and was 8\.0; make it with the earlier settings"
    ):
        recipe.check_made({**made, "composites.q": 2.0})
    with pytest.raises(PlanMismatchError, match=r"composites\.bands is 'not set' and was 'irg'"):
        recipe.check_made({"composites.scale": 0.4})


@given(st.integers(30000, 42000), st.integers(1, 500))
def test_a_grid_is_found_from_its_own_wavelengths(first, count):
    grid = Grid(first=first, count=count)
    assert Grid.of(grid.wavelength.astype(np.float64)) == grid
    assert grid.wavelength[0] == pytest.approx(10 ** (first / 1e4))
    assert not grid.matches(grid.wavelength[:-1])
    assert not grid.matches(grid.wavelength * 10**2e-7)


def test_wavelengths_that_are_no_grid_are_refused_and_a_grid_is_told_by_its_ends():
    with pytest.raises(ConfigurationError, match="not log-linear; make it with stage"):
        Grid.of(np.linspace(4000, 5000, 100))
    assert str(Grid(first=36000, count=2)) == "3981.07 to 3981.99 Angstrom in 2 pixels"
    assert str(Grid(first=180000, count=2, step=2e-5)) == "3981.07 to 3981.26 Angstrom in 2 pixels of 2e-05 dex"


def test_a_grid_of_another_step_is_found_and_is_not_the_default_s():
    grid = Grid(first=180000, count=500, step=2e-5)
    assert Grid.of(grid.wavelength) == grid
    recipe = Recipe(product="spectra", variables=("flux",), shape=(500,), grid=Grid(first=36000, count=500))
    with pytest.raises(PlanMismatchError, match=r"set wavelength_min = 3980.6, wavelength_max = 4466.3 and"):
        recipe.check_product({"wavelength": grid.wavelength})


def test_a_variable_of_another_shape_is_compared_with_its_own():
    recipe = Recipe(product="features", variables=("value", "extra"), shape=(3,), shapes={"extra": ()})
    recipe.check_shapes({"value": (3,), "extra": (), "other": (9,)})
    with pytest.raises(ConfigurationError, match=r"takes 'extra' of shape \(\) per object, not \(3,\)"):
        recipe.check_shapes({"value": (3,), "extra": (3,)})
    with pytest.raises(ConfigurationError, match=r"needs variable 'value' of features; there are \['extra'\]"):
        recipe.check_block({"extra": np.zeros(5)})


def test_components_are_compared_only_where_both_are_known():
    recipe = Recipe(product="features", variables=("value",), shape=(3,), basis="0123")
    for found in (None, "0123"):
        recipe.check_basis(found)
    recipe.model_copy(update={"basis": None}).check_basis("4567")
    with pytest.raises(PlanMismatchError, match="set spectral_features.basis to the output of the job"):
        recipe.check_basis("4567")


def test_no_more_than_three_differences_are_told():
    made = {f"cutouts.{letter}": 1 for letter in "abcde"}
    recipe = Recipe(product="cutouts", variables=("flux",), shape=(), made=made)
    with pytest.raises(PlanMismatchError) as refused:
        recipe.check_made(dict.fromkeys(made, 2))
    assert str(refused.value).count(" and was ") == 3
    names = tuple("abcdefgh")
    recipe = Recipe(product="features", variables=("value",), shape=(8,), names={"feature": names})
    with pytest.raises(PlanMismatchError, match=r"with feature names \['a', 'b', 'c'\] and 5 more"):
        recipe.check_product({})
    with pytest.raises(PlanMismatchError, match=r"number 0 is 'b' and was 'a'.*\(7 there, 8 in training\)") as refused:
        recipe.check_product({"feature": np.array(names[1:])})
    assert str(refused.value).count(" and was ") == 3


def test_a_recipe_that_does_not_know_how_its_product_was_made_takes_any():
    Recipe(product="cutouts", variables=("flux",), shape=()).check_made({"cutouts.size": 3})


def test_settings_that_decide_values_are_kept_as_json_has_them():
    kept = made_with(
        {"spectra.ends": (1, 2), "archive.root": "/a", "catalog": "x", "custom.f.source": "y", "variables": ["flux"]}
    )
    assert kept == {"spectra.ends": [1, 2]}


@pytest.mark.parametrize(
    "said", [{"first": 2**63}, {"first": -(10**9)}, {"count": 10**12}, {"count": 0}, {"step": 1e300}, {"step": 0}]
)
def test_a_grid_that_no_spectrum_has_is_refused_before_memory_is_taken_for_it(said):
    with pytest.raises(ValidationError):
        Grid(**{"first": 35682, "count": 3909} | said)


def test_what_changes_components_alone_is_compared_by_the_components():
    settings = {"spectral_features.blocks": 5, "spectral_features.basis": "a", "spectral_features.sample": 20_000}
    assert made_with(settings) == {"spectral_features.blocks": 5}


@given(st.integers(3_000, 12_000), st.integers(2, 4_000), st.sampled_from([1e-4, 2e-5, 5e-5, 1e-3, 7e-6]))
def test_the_settings_that_a_grid_names_make_it_again(start, count, step):
    grid = Grid(first=round(np.log10(start) / step), count=count, step=step)
    low, high, named = (float(part) for part in re.findall(r"= ([0-9.e-]+)", grid.settings()))
    assert grid.matches(log_grid(low, high, named))
