import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_onnx import AdoptedOnnx
from survey_batch.models.loading import load_classifier
from tests.models.onnx_models import TensorProto, helper, linear, write_model
from tests.models.test_adopted import CLASSES, FLUX, WEIGHTS, adopted

EMBEDDING = {"outputs": "embedding", "dimensions": 3}


@pytest.mark.parametrize("batch", [1, 3, 40, "object"])
def test_a_file_may_ask_for_any_number_of_objects_at_a_time(tmp_path, batch):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, batch=batch), EMBEDDING)
    np.testing.assert_allclose(model.predict_proba({"flux": FLUX}, 8), FLUX @ WEIGHTS, atol=1e-5)


@pytest.mark.parametrize(("kind", "tolerance"), [("f8", 1e-6), ("f2", 2e-2)])
def test_a_file_may_ask_for_another_type(tmp_path, kind, tolerance):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, kind=kind), EMBEDDING)
    answer = model.predict_proba({"flux": FLUX})
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, FLUX @ WEIGHTS, atol=tolerance)


@pytest.mark.parametrize("kind", ["u1", "i8", "f2"])
def test_an_object_whose_values_the_file_s_type_would_change_is_not_answered(tmp_path, kind):
    node = helper.make_node("Cast", ["x"], ["answer"], to=TensorProto.FLOAT)
    path = write_model(tmp_path / "m.onnx", [node], [("x", ["n", 6], kind)], [("answer", ["n", 6])])
    model = adopted(path, {"outputs": "embedding", "dimensions": 6})
    flux = np.ones((4, 6), "f4")
    flux[1, 2], flux[2, 2], flux[3, 2] = 0.5, -1.0, 1e5
    fit = {"u1": [0], "i8": [0, 2, 3], "f2": [0, 1, 2]}[kind]
    answer = model.predict_proba({"flux": flux})
    np.testing.assert_array_equal(answer[fit], flux[fit])
    assert np.isnan(np.delete(answer, fit, axis=0)).all()


def test_bits_may_become_truth_values(tmp_path):
    node = helper.make_node("Cast", ["x"], ["answer"], to=TensorProto.FLOAT)
    path = write_model(tmp_path / "m.onnx", [node], [("x", ["n", 6], "b")], [("answer", ["n", 6])])
    model = adopted(path, {"outputs": "embedding", "dimensions": 6}, variables=("mask",))
    answer = model.predict_proba({"mask": np.array([[0, 1, 2, 4, 0, 8]], "i4")})
    np.testing.assert_array_equal(answer, [[0, 1, 1, 1, 0, 1]])


def test_a_saved_model_is_loaded_and_a_changed_file_is_refused(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, softmax=True), CLASSES)
    model.save(tmp_path / "folder")
    loaded = load_classifier(tmp_path / "folder")
    np.testing.assert_array_equal(loaded.predict_proba({"flux": FLUX}), model.predict_proba({"flux": FLUX}))
    assert (loaded.manifest.framework, loaded.manifest.is_network) == ("onnxruntime", True)
    linear(tmp_path / "folder" / "network.onnx", WEIGHTS + 1, softmax=True)
    with pytest.raises(ConfigurationError, match=r"network\.onnx is not the file that was saved"):
        load_classifier(tmp_path / "folder")


def test_half_precision_is_no_matter_of_the_job(tmp_path):
    model = adopted(linear(tmp_path / "m.onnx", WEIGHTS, softmax=True), CLASSES)
    model.save(tmp_path / "folder")
    with pytest.raises(ConfigurationError, match="leave the key out"):
        load_classifier(tmp_path / "folder", "mixed_float16")


@pytest.mark.parametrize("label", ["number", "text", "none"])
def test_answers_in_maps_are_refused_with_the_way_to_export_arrays(tmp_path, label):
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    shines = FLUX[:, 0] > 0
    regression = LogisticRegression().fit(FLUX, np.where(shines, "bright", "faint") if label == "text" else shines)
    exported = to_onnx(regression, FLUX, options={"zipmap": True})
    if label == "none":
        del exported.graph.output[0]
    (tmp_path / "m.onnx").write_bytes(exported.SerializeToString())
    with pytest.raises(ConfigurationError, match=r"seq\(map\(.*options=\{'zipmap': False\}"):
        AdoptedOnnx.read_model(tmp_path / "m.onnx")


def test_answers_that_are_text_are_refused(tmp_path):
    node = helper.make_node("Cast", ["x"], ["name"], to=TensorProto.STRING)
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6])
    out = helper.make_tensor_value_info("name", TensorProto.STRING, ["n", 6])
    graph = helper.make_graph([node], "g", [taken], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigurationError, match=r"'name', tensor\(string\), and none is an array of numbers"):
        AdoptedOnnx.read_model(tmp_path / "m.onnx")


def test_a_model_of_scikit_learn_gives_its_own_probabilities(tmp_path):
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression().fit(FLUX, np.argmax(FLUX[:, :3], axis=1))
    exported = to_onnx(regression, FLUX, options={"zipmap": False})
    (tmp_path / "m.onnx").write_bytes(exported.SerializeToString())
    model = adopted(tmp_path / "m.onnx", CLASSES, outputs=("probabilities",))
    np.testing.assert_allclose(model.predict_proba({"flux": FLUX}), regression.predict_proba(FLUX), atol=1e-5)


def test_inputs_of_text_are_refused(tmp_path):
    text = helper.make_tensor_value_info("name", TensorProto.STRING, ["n", 1])
    out = helper.make_tensor_value_info("y", TensorProto.INT64, [2])
    graph = helper.make_graph([helper.make_node("Shape", ["name"], ["y"])], "g", [text], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConfigurationError, match=r"takes 'name', tensor\(string\)"):
        AdoptedOnnx.read_model(tmp_path / "m.onnx")


def test_grey_levels_go_into_a_model_as_they_are(tmp_path):
    node = helper.make_node("Cast", ["x"], ["answer"], to=TensorProto.FLOAT)
    path = write_model(tmp_path / "m.onnx", [node], [("x", ["n", 6], "u1")], [("answer", ["n", 6])])
    model = adopted(path, {"outputs": "embedding", "dimensions": 6}, variables=("image",))
    image = np.arange(12, dtype="u1").reshape(2, 6)
    assert model.prepare({"image": image}).dtype == np.uint8
    np.testing.assert_array_equal(model.predict_proba({"image": image}), image)
