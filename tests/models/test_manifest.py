"""What a manifest says of a model, and what it refuses to say."""

import pytest
from pydantic import ValidationError

from survey_batch.core.errors import PlanMismatchError
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe

RECIPE = Recipe(product="features", variables=("value",), shape=(3,))
REDSHIFT = Quantity(name="z", description="redshift")


def test_a_manifest_knows_whether_keras_runs_it():
    recipe = Recipe(product="spectra", variables=("flux",), shape=(8,))
    common = {"kind": "k", "variant": "v", "classes": ("A", "F"), "recipe": recipe}
    assert Manifest(**common, files={"a.keras": "0", "b.npz": "1"}).is_network
    assert not Manifest(**common, files={"forest.skops": "0"}).is_network
    assert Manifest.model_validate_json(Manifest(**common).model_dump_json()) == Manifest(**common)
    with pytest.raises(ValidationError, match="at least 2"):
        Manifest(**{**common, "classes": ("A",)})


@pytest.mark.parametrize(
    ("said", "columns"),
    [
        ({"classes": ("A", "F", "G")}, 3),
        ({"outputs": "values", "quantities": (REDSHIFT,)}, 1),
        ({"outputs": "values", "quantities": (REDSHIFT,), "errors": True}, 2),
        ({"outputs": "embedding", "dimensions": 16}, 16),
    ],
)
def test_a_manifest_knows_how_many_numbers_its_model_answers_with(said, columns):
    manifest = Manifest(kind="any", variant="any", recipe=RECIPE, **said)
    assert manifest.columns == columns
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "outputs are classes has at least 2"),
        ({"classes": ("A",)}, "at least 2"),
        ({"classes": ("A", "A")}, "classes\n.*a name is given twice"),
        ({"outputs": "values"}, "outputs are values has at least 1"),
        ({"outputs": "values", "quantities": (REDSHIFT, REDSHIFT)}, "quantities\n.*a name is given twice"),
        ({"outputs": "values", "quantities": (REDSHIFT,), "classes": ("A", "F")}, "has no classes"),
        ({"outputs": "embedding"}, "outputs are embedding has at least 1"),
        ({"outputs": "embedding", "dimensions": 4, "errors": True}, "has no values"),
        ({"classes": ("A", "F"), "dimensions": 2}, "has no embedding"),
    ],
)
def test_a_manifest_that_mixes_kinds_of_answers_is_refused(said, why):
    with pytest.raises(ValidationError, match=why):
        Manifest(kind="any", variant="any", recipe=RECIPE, **said)


@pytest.mark.parametrize(("kind", "advice"), [("adopted", "or adopt the model again"), ("table", "or train again")])
def test_where_a_product_does_not_fit_the_advice_is_what_makes_the_model_anew(kind, advice):
    recipe = Recipe(
        product="features", variables=("value",), shape=(3,), names={"feature": ("a",)}, made={"cutouts.size": 64}
    )
    made = Manifest(kind=kind, variant="any", classes=("A", "F"), recipe=recipe)
    found = Manifest.model_validate_json(made.model_dump_json()).recipe
    for check in (
        lambda: found.check_made({"cutouts.size": 32}),
        lambda: found.check_product({"feature": ["b"]}),
        lambda: found.check_product({"feature": ["a"]}, {"value": (4,)}),
    ):
        with pytest.raises(PlanMismatchError, match=f"{advice}$"):
            check()
