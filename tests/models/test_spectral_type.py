import numpy as np
import pytest

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.classes import class_numbers
from survey_batch.models.spectral_type import CLASSES, SpectralTypeClassifier
from tests.models.conftest import FIRST, PIXELS, labelled, make_block


def test_training_on_synthetic_spectra_beats_chance_on_new_ones(trained, labels):
    probability = trained.predict_proba(make_block(labels, 11))
    assert np.mean(probability.argmax(axis=1) == class_numbers(labels, CLASSES)) > 0.8, "chance is 0.25"
    assert trained.history["loss"][-1] < trained.history["loss"][0]


def fit(labels, wavelength, seed=1, epochs=2, members=2, named=None):
    section = SpectralTypeTraining(classifier="-", epochs=epochs, members=members, seed=seed)
    data = labelled(make_block(labels, 1), labels if named is None else named, wavelength=wavelength)
    return SpectralTypeClassifier.fit(data, section)


def small(variant):
    labels = np.tile(np.array(["A", "F", "G", "M"]), 4)
    return fit(labels, 10 ** (1e-4 * (FIRST + np.arange(PIXELS)))), make_block(labels, 2)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_network(labels, wavelength):
    block = make_block(labels[:4], 2)
    first, again, other = (fit(labels, wavelength, seed).predict_proba(block, batch=4) for seed in (5, 5, 6))
    np.testing.assert_allclose(again, first, rtol=0, atol=1e-6)
    assert not np.allclose(other, first, atol=1e-3)


def test_training_leaves_the_global_random_state_alone(labels, wavelength):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    fit(labels, wavelength, epochs=1, members=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_label_that_is_no_class_is_refused(labels, wavelength):
    with pytest.raises(ConfigurationError, match="'O'"):
        fit(labels, wavelength, named=np.where(labels == "A", "O", labels))


def test_training_on_one_class_is_refused(labels, wavelength):
    with pytest.raises(ConfigurationError, match="two classes"):
        fit(labels[labels == "A"], wavelength)


def test_the_classes_are_a_sequence_and_then_the_rest():
    assert CLASSES == ("A", "F", "G", "K", "M", "non-stellar")
