import numpy as np
import pytest

from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe
from survey_batch.stages.answers import answers_of
from survey_batch.stages.base import Block

RECIPE = Recipe(product="features", variables=("value",), shape=(3,))
KNOWN = np.array([True, True, False])
QUANTITIES = (Quantity(name="z"), Quantity(name="teff", units="K", description="effective temperature"))


def filled(answers, threshold=0.0, **said):
    """Fill a block of three objects, the last of which the model cannot answer."""
    kind = answers_of(Manifest(kind="any", variant="any", recipe=RECIPE, **said), threshold)
    sizes = {"object": 3, **kind.sizes()}
    data = {v.name: v.empty([sizes[dim] for dim in v.dims]) for v in kind.variables()}
    kind.fill(Block(data, np.ones(3, np.uint8)), np.where(KNOWN[:, None], answers, np.nan).astype("f4"), KNOWN)
    return kind, data


def test_classes_have_probabilities_the_best_name_and_its_confidence():
    kind, data = filled([[0.2, 0.8], [0.6, 0.4], [0, 0]], threshold=0.7, classes=("A", "F"))
    assert kind.coordinates()["class"][1].tolist() == ["A", "F"]
    assert data["predicted_class"].tolist() == ["F", "", ""]
    assert data["confidence"][:2] == pytest.approx([0.8, 0.6])
    assert np.isnan(data["confidence"][2])
    assert np.isnan(data["probability"][2]).all()


def test_values_have_units_and_errors_where_the_model_gives_them():
    numbers = [[0.1, 5800, 0.01, 90], [0.2, 4100, 0.02, 70], [0, 0, 0, 0]]
    kind, data = filled(numbers, outputs="values", quantities=QUANTITIES, errors=True)
    coordinates = kind.coordinates()
    assert coordinates["quantity"][1].tolist() == ["z", "teff"]
    assert coordinates["unit"][1].tolist() == ["1", "K"]
    assert coordinates["description"][1].tolist() == ["", "effective temperature"]
    assert data["value"][:2] == pytest.approx(np.array([[0.1, 5800], [0.2, 4100]]))
    assert data["error"][:2] == pytest.approx(np.array([[0.01, 90], [0.02, 70]]))
    assert np.isnan(data["value"][2]).all()
    _, plain = filled([[0.1, 5800], [0.2, 4100], [0, 0]], outputs="values", quantities=QUANTITIES)
    assert list(plain) == ["value"]


def test_an_embedding_is_one_vector_an_object():
    kind, data = filled(np.arange(12).reshape(3, 4), outputs="embedding", dimensions=4)
    assert kind.sizes() == {"dimension": 4}
    assert data["embedding"][:2].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert np.isnan(data["embedding"][2]).all()
