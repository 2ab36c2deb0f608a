"""What the variants of an adopted model share, tried with ONNX files."""

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted import not_probabilities
from survey_batch.models.adopted_onnx import AdoptedOnnx
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.onnx_models import helper, linear, write_model

RANDOM = np.random.default_rng(8)
FLUX = RANDOM.normal(size=(40, 6)).astype("f4")
WEIGHTS = RANDOM.normal(size=(6, 3)).astype("f4")
CLASSES = {"classes": ("A", "F", "G")}


def adopted(path, keys, variables=("flux",), texts=(), outputs=("answer",), **steps):
    """An adopted ONNX file for spectra of six pixels."""
    kept = {**{str(number): text for number, text in enumerate(texts, 1)}, "outputs": json.dumps(outputs), **steps}
    dims = dict.fromkeys(variables, ("wavelength",))
    recipe = Recipe(product="spectra", variables=variables, shape=(6,), dims=dims, steps=kept)
    model = AdoptedOnnx(
        Manifest(kind="adopted", variant="onnx", recipe=recipe, **keys), {}, AdoptedOnnx.read_model(path)
    )
    model.source = path
    return model


def test_probabilities_are_those_of_the_model(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, softmax=True), CLASSES)
    np.testing.assert_allclose(model.predict_proba({"flux": FLUX}), softmax(FLUX @ WEIGHTS, axis=1), atol=1e-6)


def test_softmax_makes_probabilities_of_logits(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS), CLASSES, scores="logits")
    np.testing.assert_allclose(model.predict_proba({"flux": FLUX}), softmax(FLUX @ WEIGHTS, axis=1), atol=1e-6)


def test_one_output_is_the_probability_of_the_second_of_two_classes(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS[:, :1]), {"classes": ("no", "yes")}, scores="logits")
    answer = model.predict_proba({"flux": FLUX})
    np.testing.assert_allclose(answer[:, 1], expit(FLUX @ WEIGHTS[:, 0]), atol=1e-6)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-6)


def test_what_is_no_probability_is_refused(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS), CLASSES)
    with pytest.raises(ConfigurationError, match=r"answers with what is no probability: its numbers go from -"):
        model.predict_proba({"flux": FLUX})
    assert not_probabilities(np.array([[0.5, 0.6]])) == "those of an object sum to 1.1"
    assert not_probabilities(np.array([[0.4, 0.6]])) == not_probabilities(np.zeros((0, 2))) == ""


def test_values_and_errors_may_come_from_two_outputs(tmp_path):
    keys = {"outputs": "values", "quantities": (Quantity(name="z"), Quantity(name="m")), "errors": True}
    path = linear(tmp_path / "m.onnx", WEIGHTS[:, :2], outputs=("value", "error"))
    answer = adopted(path, keys, outputs=("value", "error")).predict_proba({"flux": FLUX})
    np.testing.assert_allclose(answer, np.hstack([FLUX @ WEIGHTS[:, :2], -FLUX @ WEIGHTS[:, :2]]), atol=1e-5)


def test_several_inputs_are_matched_with_variables_by_name(tmp_path):
    shape = [("object"), 6]
    node = helper.make_node("Sub", ["ivar", "flux"], ["answer"])
    path = write_model(tmp_path / "m.onnx", [node], [("ivar", shape), ("flux", shape)], [("answer", shape)])
    model = adopted(path, {"outputs": "embedding", "dimensions": 6}, variables=("flux", "ivar"))
    ivar = np.abs(FLUX)
    np.testing.assert_array_equal(model.predict_proba({"flux": FLUX, "ivar": ivar}), ivar - FLUX)


def test_a_row_that_lacks_a_value_or_has_no_finite_answer_gets_none(tmp_path):
    flux = FLUX.copy()
    flux[3, 2], flux[5] = np.nan, 3e38
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS * 10), {"outputs": "embedding", "dimensions": 3})
    answer = model.predict_proba({"flux": flux})
    assert np.flatnonzero(np.isnan(answer).any(axis=1)).tolist() == [3, 5]
    assert np.isnan(answer[[3, 5]]).all()
    assert model.valid_rows({"flux": flux}, model.recipe).tolist() == [row != 3 for row in range(len(flux))]


def test_steps_are_done_before_the_model_is_asked(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS), {"outputs": "embedding", "dimensions": 3}, texts=["divide:4"])
    np.testing.assert_allclose(model.predict_proba({"flux": FLUX}), FLUX / 4 @ WEIGHTS, atol=1e-6)


def test_an_object_has_the_same_answer_alone_and_among_others(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, softmax=True), CLASSES, texts=["normalise:l2"])
    assert_rows_answer_for_themselves(model, {"flux": FLUX}, (0, 7, 39), batch=16)


def test_a_model_that_is_not_the_recipe_s_is_refused(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, softmax=True), CLASSES)
    model.save(tmp_path / "folder")
    AdoptedOnnx.read_parts(tmp_path / "folder", model.manifest)
    linear(tmp_path / "folder" / "network.onnx", np.ones((7, 3)))
    said = r"takes x \(7,\), and its recipe gives .*flux.*: \(6,\).*restore the folder, or adopt the model again"
    with pytest.raises(ConfigurationError, match=said):
        AdoptedOnnx.read_parts(tmp_path / "folder", model.manifest)


def test_it_is_not_trained():
    for ask in (AdoptedOnnx.fit, AdoptedOnnx.recipe_of):
        with pytest.raises(ConfigurationError, match="an adopted model is not trained here"):
            ask(None, TrainingSection(classifier="-", kind="adopted", variant="onnx"))
