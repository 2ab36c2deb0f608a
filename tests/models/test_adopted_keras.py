import json

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_keras import AdoptedKeras
from survey_batch.models.engines.onnx_model import onnx_model
from survey_batch.models.engines.running import OnnxRuntime
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe

pytestmark = pytest.mark.slow

CUTOUTS = np.random.default_rng(6).normal(size=(12, 3, 8, 8)).astype("f4")


def adopted(network, used, variables=("flux",), steps=(), **keys):
    steps = {**{str(i): text for i, text in enumerate(steps, 1)}, "outputs": json.dumps(used)}
    dims = dict.fromkeys(variables, ("band", "y", "x"))
    recipe = Recipe(product="cutouts", variables=variables, shape=(3, 8, 8), dims=dims, steps=steps)
    return AdoptedKeras(Manifest(kind="adopted", variant="keras", recipe=recipe, **keys), {}, network)


def small(variant):
    """A network of three classes on cutouts of three bands; other tests run it on every backend."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    network = keras.Sequential([keras.Input((8, 8, 3), name="cutout"), *layers])
    (last,) = keras.Model(network.inputs[0], network.outputs[0]).output_names
    return adopted(network, [last], steps=["channels:last"], classes=("A", "F", "G")), {"flux": CUTOUTS}


def test_a_network_takes_what_its_file_says_and_answers_as_it_does(tmp_path):
    model, block = small("keras")
    assert [str(port) for port in model.takes] == ["cutout (8, 8, 3)"]
    expected = np.asarray(model.model(np.moveaxis(CUTOUTS, 1, -1)))
    np.testing.assert_allclose(model.predict_proba(block), expected, atol=1e-5)
    model.save(tmp_path / "folder")
    loaded = load_classifier(tmp_path / "folder")
    np.testing.assert_array_equal(loaded.predict_proba(block), model.predict_proba(block))
    assert loaded.manifest.framework == "keras"


@pytest.mark.parametrize(("columns", "scores"), [(2, "logits"), (1, "logits"), (1, "probabilities")])
def test_a_network_of_logits_or_of_one_output_is_exported_with_what_makes_probabilities(columns, scores):
    import keras

    model = keras.Sequential([keras.Input((3, 8, 8)), keras.layers.Flatten(), keras.layers.Dense(columns, "tanh")])
    (last,) = keras.Model(model.inputs[0], model.outputs[0]).output_names
    made = adopted(model, [last], classes=("A", "F"))
    made.manifest.recipe.steps["scores"] = scores
    if scores == "probabilities":
        model.layers[-1].activation = keras.activations.sigmoid
    answer = OnnxRuntime(onnx_model(made)).ask({"inputs": CUTOUTS})[0]
    np.testing.assert_allclose(answer, made.predict_proba({"flux": CUTOUTS}), atol=1e-5)


def test_several_inputs_and_outputs_go_by_their_names():
    import keras

    ivar, flux = (keras.Input((3, 8, 8), name=name) for name in ("ivar", "flux"))
    both = keras.layers.Flatten(name="both")(keras.layers.Subtract()([ivar, flux]))
    alone = keras.layers.Flatten(name="alone")(flux)
    network = keras.Model([ivar, flux], [both, alone])
    model = adopted(network, ["both"], ("flux", "ivar"), outputs="embedding", dimensions=192)
    answer = model.predict_proba({"flux": CUTOUTS, "ivar": 2 * CUTOUTS})
    np.testing.assert_allclose(answer, CUTOUTS.reshape(12, -1), atol=1e-6)


def test_code_in_a_file_is_refused(tmp_path):
    import keras

    network = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)])
    network.save(tmp_path / "m.keras")
    with pytest.raises(ConfigurationError, match=r"m\.keras cannot be loaded.*; adopt the model again"):
        AdoptedKeras.read_model(tmp_path / "m.keras")


def test_outputs_in_a_dictionary_have_its_keys_as_their_names():
    import keras

    given = keras.Input((3, 8, 8))
    flat = keras.layers.Flatten()(given)
    network = keras.Model(given, {"z": keras.layers.Dense(1)(flat), "a": keras.layers.Dense(2)(flat)})
    found = adopted(network, ["z"], outputs="values", quantities=[{"name": "z"}]).ask({"flux": CUTOUTS})
    assert {name: values.shape for name, values in found.items()} == {"z": (12, 1), "a": (12, 2)}
