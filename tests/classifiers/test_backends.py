"""Every network gives the same probabilities whatever backend runs it."""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest

from survey_batch.classifiers.artifact import KINDS, family_of
from survey_batch.classifiers.keras_family import KerasClassifier

pytestmark = pytest.mark.timeout(900)  # a dozen networks are compiled, twice

NETWORKS = [
    (kind, variant)
    for kind, variants in KINDS.items()
    for variant in variants
    if issubclass(family_of(kind, variant), KerasClassifier) and (variant != "vit" or find_spec("keras_hub"))
]

PREDICT = """
import sys
from pathlib import Path
import numpy as np
from survey_batch.classifiers.artifact import load_classifier
for folder in sorted(Path(sys.argv[1]).iterdir()):
    block = dict(np.load(folder / "block.npz"))
    np.save(folder / f"{sys.argv[2]}.npy", load_classifier(folder).predict_proba(block, batch=8))
import keras
assert keras.backend.backend() == sys.argv[2]
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A small trained classifier of each kind and variant, what it is asked, and what it answers."""
    root = tmp_path_factory.mktemp("networks")
    for kind, variant in NETWORKS:
        family = family_of(kind, variant)
        module = import_module(family.__module__.replace("survey_batch.classifiers.", "tests.classifiers.test_"))
        classifier, block = module.small(variant)
        folder = root / f"{kind}-{variant}"
        classifier.save(folder)
        np.savez(folder / "block.npz", **block)
        np.save(folder / "here.npy", classifier.predict_proba(block, batch=8))
    return root


@pytest.fixture(scope="module", params=["jax", "torch"])
def answered(request, folders):
    """The folders, once another backend has answered."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    environment = {**os.environ, "KERAS_BACKEND": request.param}
    command = [sys.executable, "-c", PREDICT, str(folders), request.param]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folders, request.param


@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_another_backend_gives_the_same_probabilities(answered, kind, variant):
    folders, backend = answered
    here, there = (np.load(folders / f"{kind}-{variant}" / f"{name}.npy") for name in ("here", backend))
    assert np.isfinite(here).any()
    np.testing.assert_allclose(there, here, atol=1e-4)
