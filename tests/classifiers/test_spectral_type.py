import numpy as np
import pytest

from survey_batch.classifiers.classes import class_numbers
from survey_batch.classifiers.spectral_type import CLASSES, SpectralTypeClassifier
from survey_batch.errors import ConfigurationError
from tests.classifiers.conftest import make_block


def test_training_on_synthetic_spectra_beats_chance_on_new_ones(trained, labels):
    probability = trained.predict_proba(make_block(labels, 11))
    assert np.mean(probability.argmax(axis=1) == class_numbers(labels, CLASSES)) > 0.8, "chance is 0.25"
    assert trained.losses[-1] < trained.losses[0]


def test_the_same_seed_trains_the_same_network(trained, labels):
    def fit(seed):
        again = SpectralTypeClassifier.fit(
            make_block(labels, 1), labels, trained.recipe, epochs=2, members=2, seed=seed
        )
        return again.predict_proba(make_block(labels[:4], 2), batch=4)

    first = fit(5)
    np.testing.assert_allclose(fit(5), first, rtol=0, atol=1e-6)
    assert not np.allclose(fit(6), first, atol=1e-3)


def test_training_leaves_the_global_random_state_alone(trained, labels):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    SpectralTypeClassifier.fit(make_block(labels, 1), labels, trained.recipe, epochs=1, members=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_label_that_is_no_class_is_refused(trained, labels):
    with pytest.raises(ConfigurationError, match="'O'"):
        SpectralTypeClassifier.fit(make_block(labels, 1), np.where(labels == "A", "O", labels), trained.recipe)


def test_training_on_one_class_is_refused(trained, labels):
    one = labels == "A"
    with pytest.raises(ConfigurationError, match="two classes"):
        SpectralTypeClassifier.fit(make_block(labels[one], 1), labels[one], trained.recipe)


def test_the_classes_are_a_sequence_and_then_the_rest():
    assert CLASSES == ("A", "F", "G", "K", "M", "non-stellar")
