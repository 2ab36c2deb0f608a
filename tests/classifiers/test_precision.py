"""Half precision: close to single precision, and never silently wrong."""

from importlib import import_module

import numpy as np
import pytest

from survey_batch.classifiers.artifact import family_of, load_classifier
from survey_batch.classifiers.precision import lower_precision
from survey_batch.classifiers.spectral_forest import SpectralForest
from survey_batch.errors import ConfigurationError
from survey_batch.sections.train_spectral_type import SpectralTypeTraining
from tests.classifiers.conftest import labelled, make_block
from tests.classifiers.test_backends import NETWORKS

pytestmark = pytest.mark.timeout(900)  # a dozen networks are compiled, three times


@pytest.mark.parametrize(("kind", "variant"), NETWORKS)
def test_every_network_computes_in_half_precision_and_answers_in_single(kind, variant):
    family = family_of(kind, variant)
    module = import_module(family.__module__.replace("survey_batch.classifiers.", "tests.classifiers.test_"))
    classifier, block = module.small(variant)
    single, network = classifier.predict_proba(block, batch=8), classifier.model
    for precision, bits in (("mixed_float16", 11), ("mixed_bfloat16", 8)):
        classifier.model = network
        lower_precision(classifier, precision)
        assert precision.removeprefix("mixed_") in {layer.compute_dtype for layer in classifier.model.layers}
        half = classifier.predict_proba(block, batch=8)
        assert half.dtype == np.float32
        np.testing.assert_allclose(half.sum(axis=1), single.sum(axis=1), atol=1e-5)
        # A dozen roundings one after the other, of numbers of about one.
        np.testing.assert_allclose(half, single, atol=12 * 2.0**-bits)


def test_the_layer_that_answers_stays_in_single_precision():
    module = import_module("tests.classifiers.test_stellar_image")
    classifier, _ = module.small("cnn")
    lower_precision(classifier, "mixed_float16")
    answering = [classifier.model.get_layer(name) for name in classifier.model.output_names]
    assert {layer.compute_dtype for layer in answering} == {"float32"}


def test_a_number_too_large_for_half_precision_is_no_silent_nan():
    module = import_module("tests.classifiers.test_stellar_image")
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
