"""An exported file answers as the classifier does, and says what it is."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_onnx import AdoptedOnnx
from survey_batch.models.engines.onnx_model import export_model, onnx_model
from survey_batch.models.helium import HELIUM
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from tests.models.conftest import make_block
from tests.models.engines.stars import stars
from tests.models.onnx_models import linear

onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")


def run(file, prepared):
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    given = {port.name: np.asarray(prepared[port.name], np.float32) for port in session.get_inputs()}
    return dict(zip([port.name for port in session.get_outputs()], session.run(None, given), strict=True))


@pytest.mark.parametrize("variant", ["cnn", "published"])
def test_the_file_gives_calibrated_probabilities_and_says_what_it_is(tmp_path, variant):
    classifier, block = stars(variant)
    classifier.save(tmp_path / "model")
    assert export_model(tmp_path / "model", tmp_path / "new" / "stars.onnx") == str(tmp_path / "new" / "stars.onnx")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["stars.onnx"]
    prepared, expected = classifier.prepared(block), classifier.predict_proba(block)
    probability = run(tmp_path / "new" / "stars.onnx", prepared)["probability"]
    rows = prepared["possible"]
    np.testing.assert_allclose(probability[rows], expected[rows], atol=1e-5)
    assert np.abs(classifier.answer(prepared["inputs"])[rows] - expected[rows]).max() > 1e-3  # the temperature counts
    about = {part.key: part.value for part in onnx.load(tmp_path / "new" / "stars.onnx").metadata_props}
    assert (about["survey_batch.kind"], about["survey_batch.variant"]) == ("psf-star", variant)
    assert json.loads(about["survey_batch.classes"]) == ["other", "good"]
    assert json.loads(about["survey_batch.recipe"]) == classifier.recipe.model_dump(mode="json")
    assert json.loads(about["survey_batch.versions"])["keras"]
    assert json.loads(about["survey_batch.temperature"]) == 1.7


def test_values_and_their_errors_are_two_outputs():
    classifier, block = stars("cnn")
    quantities = ({"name": "mass"},)
    other = {**classifier.manifest.model_dump(), "outputs": "values", "classes": (), "quantities": quantities}
    classifier.manifest = type(classifier.manifest).model_validate({**other, "errors": True})
    prepared, expected = classifier.prepared(block), classifier.predict_proba(block)
    found, rows = run(onnx_model(classifier), prepared), prepared["possible"]
    np.testing.assert_allclose(found["value"][rows], expected[rows, :1], atol=1e-5)
    np.testing.assert_allclose(found["error"][rows], expected[rows, 1:], atol=1e-5)


def test_the_helium_rule_is_in_the_file_with_an_input_of_its_own(trained, labels):
    classes = ("O", "B", "A", *trained.classes[3:])
    recipe = trained.recipe.model_copy(update={"steps": {**trained.recipe.steps, **HELIUM}})
    manifest = trained.manifest.model_copy(update={"classes": classes, "recipe": recipe})
    hot = type(trained)(manifest, trained.arrays, trained.model)
    prepared = hot.prepared(make_block(labels, 5))
    prepared["helium"] = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)[np.arange(len(labels)) % 4]
    found, settled = run(onnx_model(hot), prepared)["probability"], hot.predict_prepared(prepared)
    np.testing.assert_allclose(found, settled, atol=1e-5)
    assert (found[::4, :2] == 0).all()
    assert (found[3::4, :2] > 0).all()


def test_a_rule_of_a_family_s_own_that_is_not_converted_is_refused():
    classifier, _ = stars("cnn")

    class Odd(type(classifier)):
        def settle(self, probability, prepared):
            return probability[:, ::-1]

    with pytest.raises(ConfigurationError, match=r"model of Odd was converted.*onnx_settle"):
        onnx_model(Odd(classifier.manifest, {}, classifier.model))


def test_what_is_neither_network_nor_trees_or_no_name_of_a_file_is_refused(tmp_path, monkeypatch):
    likelihood = SimpleNamespace(kind="stamp-type", variant="likelihood", manifest=SimpleNamespace(framework=None))
    monkeypatch.setattr("survey_batch.models.engines.onnx_model.load_classifier", lambda _: likelihood)
    with pytest.raises(ConfigurationError, match=r"stamp-type \(likelihood\), which is neither a network nor trees"):
        export_model(tmp_path, tmp_path / "x.onnx")
    with pytest.raises(ConfigurationError, match=r"ends in \.onnx"):
        export_model(tmp_path, tmp_path / "x.pb")


def test_a_network_that_is_onnx_already_is_not_exported(tmp_path):
    recipe = Recipe(
        product="spectra",
        variables=("flux",),
        shape=(4,),
        dims={"flux": ("wavelength",)},
        steps={"outputs": '["answer"]'},
    )
    manifest = Manifest(kind="adopted", variant="onnx", outputs="embedding", dimensions=3, recipe=recipe)
    source = linear(tmp_path / "m.onnx", np.ones((4, 3)))
    model = AdoptedOnnx(manifest, {}, AdoptedOnnx.read_model(source))
    model.source = source
    model.save(tmp_path / "folder")
    with pytest.raises(ConfigurationError, match=r"in ONNX already: copy network\.onnx"):
        export_model(tmp_path / "folder", tmp_path / "x.onnx")
