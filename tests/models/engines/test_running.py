"""Other engines give Keras' probabilities, in any thread, and say what they lack."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.engines import installed, running
from survey_batch.models.engines.running import Checked, OpenVino, use_engine
from survey_batch.models.loading import load_classifier
from tests.models.engines.stars import stars

ENGINES = [
    pytest.param(name, marks=pytest.mark.skipif(importlib.util.find_spec(name) is None, reason="not installed"))
    for name in ("onnxruntime", "openvino")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    classifier, _ = stars("published")
    path = tmp_path_factory.mktemp("stars")
    classifier.save(path)
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_gives_the_probabilities_of_keras(folder, engine):
    _, block = stars("published")
    keras, other = load_classifier(folder), load_classifier(folder, engine=engine)
    assert other is not keras
    expected, got = keras.predict_proba(block, batch=4), other.predict_proba(block, batch=4)
    assert np.isnan(got[2]).all()
    assert np.isfinite(np.delete(got, 2, axis=0)).all()
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(other.predict_proba(block, batch=3), expected, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_threads_that_predict_side_by_side_get_their_own_answers(folder, engine):
    classifier = load_classifier(folder, engine=engine)
    random = np.random.default_rng(0)
    blocks = [{"flux": random.normal(size=(5, 1, 17, 17)).astype(np.float32)} for _ in range(24)]
    alone = [classifier.predict_proba(block, batch=4) for block in blocks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda block: classifier.predict_proba(block, batch=4), blocks))
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_has_the_same_bits_whichever_others_are_asked_with_it(folder, engine):
    classifier = load_classifier(folder, engine=engine)
    _, block = stars("published")
    whole = classifier.predict_prepared(classifier.prepared(block), 4)
    for rows in ([0, 3], [4], [1, 2, 3, 5]):
        part = classifier.prepared({"flux": block["flux"][rows]})
        np.testing.assert_array_equal(classifier.predict_prepared(part, 4, np.array(rows)), whole[rows])


def test_half_precision_is_openvino_s_alone_and_only_where_the_processor_has_it(monkeypatch):
    pytest.importorskip("openvino")
    classifier, block = stars("cnn")
    expected = classifier.predict_proba(block, batch=4)
    with suppress(ConfigurationError):
        use_engine(classifier, "openvino", "mixed_bfloat16")
    if isinstance(classifier.model, Checked):
        got = classifier.predict_proba(block, batch=4)
        assert np.nanmax(np.abs(got - expected)) > 0
        np.testing.assert_allclose(got, expected, atol=0.05)
    for engine, precision in (("openvino", "mixed_float16"), ("onnxruntime", "mixed_bfloat16")):
        with pytest.raises(ConfigurationError, match="computes in precision"):
            use_engine(classifier, engine, precision)
    monkeypatch.setattr("openvino.Core.get_property", lambda *_: ["FP32"])
    with pytest.raises(ConfigurationError, match="no bfloat16"):
        OpenVino(b"", "mixed_bfloat16")


def test_an_engine_that_is_not_installed_is_named_with_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda _: None)
    installed.check_engine("keras", "mixed_float16")
    with pytest.raises(ConfigurationError, match=r"openvino and onnx.*pip install 'survey-batch\[openvino\]'"):
        installed.check_engine("openvino", "float32")
    with pytest.raises(ConfigurationError, match=r"pip install 'survey-batch\[onnx\]'"):
        use_engine(None, "onnxruntime", "float32")


def test_an_engine_is_for_networks(monkeypatch):
    monkeypatch.setattr(running, "check_engine", lambda *_: None)
    classifier, _ = stars("cnn")
    other = type("Forest", (), {"manifest": classifier.manifest})()
    with pytest.raises(ConfigurationError, match="is for networks"):
        use_engine(other, "openvino", "float32")


def test_an_engine_that_answers_otherwise_than_keras_ends_the_run_whatever_the_batch():
    def network(change):
        return SimpleNamespace(predict_on_batch=lambda _: change(np.array([[0.3, 0.7], [np.nan, np.nan]], "f4")))

    right = running.Checked(network(lambda x: x), network(lambda x: x + 5e-5), "openvino", 1e-4)
    assert right.predict_on_batch(np.zeros((2, 3))).shape == (2, 2)
    for wrong in (lambda x: x[:, ::-1], lambda x: x * np.nan):
        with pytest.raises(ConfigurationError, match="openvino.*answers otherwise than Keras"):
            running.Checked(network(lambda x: x), network(wrong), "openvino", 1e-4).predict_on_batch(np.zeros((2, 3)))
    right.runtime = network(lambda x: x + 1)
    right.predict_on_batch(np.zeros((2, 3)))  # this size was checked
    with pytest.raises(ConfigurationError):
        right.predict_on_batch(np.zeros((1, 3)))
