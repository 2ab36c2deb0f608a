"""Half precision is never silently wrong; `test_every_network.py` shows how close it is."""

from importlib import import_module

import numpy as np
import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import load_classifier
from survey_batch.models.precision import lower_precision
from survey_batch.models.spectral_forest import SpectralForest
from tests.models.conftest import labelled, make_block

pytestmark = pytest.mark.slow


def test_the_layer_that_answers_stays_in_single_precision():
    module = import_module("tests.models.test_stellar_image")
    classifier, _ = module.small("cnn")
    lower_precision(classifier, "mixed_float16")
    answering = [classifier.model.get_layer(name) for name in classifier.model.output_names]
    assert {layer.compute_dtype for layer in answering} == {"float32"}


def test_a_number_too_large_for_half_precision_is_no_silent_nan():
    module = import_module("tests.models.test_stellar_image")
    classifier, block = module.small("cnn")
    lower_precision(classifier, "mixed_float16")
    classifier.prepare = lambda part: np.full((len(part["flux"]), *classifier.model.input_shape[1:]), 1e6, np.float32)
    with pytest.raises(ConfigurationError, match="mixed_bfloat16"):
        classifier.predict_proba(block, batch=8)


def test_a_forest_has_one_precision(labels, wavelength, tmp_path):
    section = SpectralTypeTraining(classifier="-", variant="forest", trees=3)
    forest = SpectralForest.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)
    forest.save(tmp_path)
    assert load_classifier(tmp_path).classes
    with pytest.raises(ConfigurationError, match="is for networks"):
        load_classifier(tmp_path, "mixed_float16")


def test_a_precision_is_loaded_when_it_is_asked_for(saved, labels):
    block = make_block(labels, 5)
    single, half = (
        load_classifier(saved, precision).predict_proba(block) for precision in ("float32", "mixed_float16")
    )
    assert (single != half).any()
    np.testing.assert_array_equal(load_classifier(saved).predict_proba(block), single)
