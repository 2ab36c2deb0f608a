"""Every network gives the same probabilities whatever backend or engine runs it, nearly the same in half precision."""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.precision import lower_precision

pytestmark = pytest.mark.slow

NETWORKS = [
    (kind, variant)
    for kind in plugins.offered(plugins.CLASSIFIERS)
    for variant in classifier_kind(kind).variants
    if issubclass(family_of(kind, variant), KerasClassifier) and (variant != "vit" or find_spec("keras_hub"))
]

PREDICT = """
import sys
from pathlib import Path
import numpy as np
from survey_batch.models.loading import load_classifier
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    block = dict(np.load(folder.with_suffix(".npz")))
    np.save(folder.with_suffix(f".{sys.argv[2]}.npy"), load_classifier(folder).predict_proba(block, batch=8))
import keras
assert keras.backend.backend() == sys.argv[2]
"""


@pytest.fixture(scope="module")
def trained():
    """A small classifier of each kind and variant, what it is asked, and what it answers."""
    made = {}
    for kind, variant in NETWORKS:
        family = family_of(kind, variant)
        module = import_module(family.__module__.replace("survey_batch.models.", "tests.models.test_"))
        classifier, block = module.small(variant)
        made[kind, variant] = classifier, block, classifier.predict_proba(block, batch=8)
    return made


@pytest.fixture(scope="module")
def folders(trained, tmp_path_factory):
    """Those classifiers and questions as files."""
    root = tmp_path_factory.mktemp("networks")
    for (kind, variant), (classifier, block, _) in trained.items():
        folder = root / f"{kind}-{variant}"
        classifier.save(folder)
        np.savez(folder.with_suffix(".npz"), **block)
    return root


@pytest.fixture(scope="module", params=["jax", "torch"])
def answered(request, folders):
    """The folders, once another backend has answered."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    # JAX compiles the first values of each weight, which are then read from the file: it need not optimise them.
    flags = {"KERAS_BACKEND": request.param, "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    environment = {**os.environ, **flags}
    command = [sys.executable, "-c", PREDICT, str(folders), request.param]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folders, request.param


def size_of(answers):
    """Size of each column of answers: 1 for probabilities, more for quantities such as temperatures."""
    return np.maximum(1, np.nanmax(np.abs(answers), axis=0))


@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_another_backend_gives_the_same_probabilities(trained, answered, kind, variant):
    folders, backend = answered
    here, there = trained[kind, variant][2], np.load(folders / f"{kind}-{variant}.{backend}.npy")
    assert np.isfinite(here).any()
    np.testing.assert_allclose(there / size_of(here), here / size_of(here), atol=1e-4)


@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_half_precision_gives_nearly_the_same_and_answers_in_single(trained, kind, variant):
    classifier, block, single = trained[kind, variant]
    network = classifier.model
    for precision, bits in (("mixed_float16", 11), ("mixed_bfloat16", 8)):
        lower_precision(classifier, precision)
        assert precision.removeprefix("mixed_") in {layer.compute_dtype for layer in classifier.model.layers}
        half, classifier.model = classifier.predict_proba(block, batch=8), network
        assert half.dtype == np.float32
        if classifier.classes:
            np.testing.assert_allclose(half.sum(axis=1), single.sum(axis=1), atol=1e-5)
        # A dozen roundings one after the other, of numbers of about one.
        np.testing.assert_allclose(half / size_of(single), single / size_of(single), atol=12 * 2.0**-bits)


@pytest.mark.parametrize("engine", [name for name in ("onnxruntime", "openvino") if find_spec(name)])
@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_another_engine_gives_the_same_probabilities(trained, folders, kind, variant, engine):
    _, block, expected = trained[kind, variant]
    got = load_classifier(folders / f"{kind}-{variant}", engine=engine).predict_proba(block, batch=8)
    np.testing.assert_allclose(got / size_of(expected), expected / size_of(expected), atol=1e-5)


@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_an_exported_file_gives_the_same_probabilities(trained, kind, variant):
    onnxruntime = pytest.importorskip("onnxruntime")
    from survey_batch.models.engines.onnx_model import onnx_model

    classifier, block, expected = trained[kind, variant]
    if kind == "quantities":
        with pytest.raises(ConfigurationError, match="mixes the answers of its members"):
            onnx_model(classifier)
        return
    prepared = classifier.prepared(block)
    session = onnxruntime.InferenceSession(onnx_model(classifier), providers=["CPUExecutionProvider"])
    given = {port.name: prepared[port.name].astype(np.float32) for port in session.get_inputs()}
    got = np.concatenate(session.run(None, given), axis=1)
    rows, size = prepared["possible"], size_of(expected)
    np.testing.assert_allclose(got[rows] / size, expected[rows] / size, atol=1e-5)
