"""What a classifier's manifest says of its input, and the products that suit it."""

import numpy as np
import pytest

from survey_batch.core.errors import PlanMismatchError
from survey_batch.models.manifest import Grid, Recipe


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
        with pytest.raises(PlanMismatchError, match="not those the classifier was trained on"):
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
            "variables": ["image"],
        }
    )
    with pytest.raises(PlanMismatchError, match=r"composites\.q is 2\.0 and was 8\.0; make it as that was made"):
        recipe.check_made({**made, "composites.q": 2.0})
    with pytest.raises(PlanMismatchError, match=r"composites\.bands is 'not set' and was 'irg'"):
        recipe.check_made({"composites.scale": 0.4})
