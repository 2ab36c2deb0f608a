"""The published recipe for galaxies, quasars and stars."""

import numpy as np
import pytest

from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models import published_galaxy
from survey_batch.models.loading import load_classifier
from survey_batch.models.published_galaxy import (
    COMPONENTS,
    PublishedCNN,
    PublishedForest,
    PublishedSVM,
    added_examples,
    branched_network,
)
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.galaxies import simulated

pytestmark = pytest.mark.slow


def section(**keys):
    return GalaxyTraining(classifier="-", **{"copies": 5, **keys})


def small(variant):
    """A network with two narrow branches on components that are none, trained for a moment, and spectra to classify."""
    components = np.random.default_rng(1).normal(size=(COMPONENTS, 3000)) / 50
    arrays = {"mean": np.zeros(3000), "components": components, "variance": np.ones(1), "ratio": np.ones(1)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PublishedCNN, "learn", lambda *_: arrays)
        patch.setattr(published_galaxy, "KERNELS", (3, 9))
        patch.setattr(published_galaxy, "FILTERS", 4)
        patch.setattr(published_galaxy, "DEPTH", 1)
        classifier = PublishedCNN.fit(simulated(6, seed=1), section(epochs=1, batch=8))
    return classifier, simulated(2, seed=2).block


@pytest.fixture(scope="module")
def data():
    return simulated(30, seed=1)


@pytest.fixture(scope="module")
def tested():
    return simulated(4, seed=2, split="test")


@pytest.fixture(scope="module")
def arrays(data):
    return PublishedForest.prepare_fit(data, section(), None, 1)[0].arrays


@pytest.fixture(autouse=True)
def _components_once(monkeypatch, arrays):
    """Fitting 500 components takes seconds: once is enough."""
    for family in (PublishedForest, PublishedSVM, PublishedCNN):
        monkeypatch.setattr(family, "learn", lambda *_: arrays)


@pytest.mark.parametrize("family", [PublishedForest, PublishedSVM])
def test_what_was_learnt_is_known_and_a_saved_classifier_answers_the_same(family, data, tested, tmp_path):
    trained = family.fit(data, section())
    known = np.array(trained.classes)[trained.predict_proba(data.block).argmax(axis=1)] == data.label
    assert known.mean() > 0.7, "chance is 1/3"
    probability = trained.predict_proba(tested.block)
    assert_rows_answer_for_themselves(trained, tested.block, [3, 5])
    trained.save(tmp_path)
    np.testing.assert_array_equal(load_classifier(tmp_path).predict_proba(tested.block), probability)


def test_the_network_runs_and_a_saved_one_answers_the_same(tmp_path):
    trained, block = small("published-cnn")
    probability = trained.predict_proba(block, batch=8)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    trained.save(tmp_path)
    np.testing.assert_allclose(load_classifier(tmp_path).predict_proba(block, batch=8), probability, atol=1e-6)


def test_the_network_has_the_published_size():
    assert branched_network(COMPONENTS, 3, 1).count_params() == pytest.approx(0.77e6, rel=0.02)


def test_components_are_those_of_the_training_rows_alone(arrays, data):
    assert arrays["components"].shape == (COMPONENTS, 3000)
    real = np.abs(arrays["components"]).sum(axis=1) > 0
    assert real.sum() == len(data) - 1


def test_copies_are_of_training_galaxies_and_quasars(data):
    block, label = added_examples(data, PublishedForest.recipe_of(data, section()), section(), 1)
    assert list(label) == ["GALAXY"] * 5 + ["QSO"] * 5
    own = data.block["ivar"]
    assert all((row == own).all(axis=1).any() for row in block["ivar"])
    assert not any((row == data.block["flux"]).all(axis=1).any() for row in block["flux"])


def test_nothing_is_added_where_nothing_is_asked_for(data):
    assert added_examples(data, PublishedForest.recipe_of(data, section()), section(copies=0), 1) is None


def test_too_few_rows_of_a_class_are_refused_with_what_to_do(data):
    few = data.take(np.flatnonzero((data.label != "STAR") | (np.arange(len(data)) > len(data) - 4)))
    with pytest.raises(ConfigurationError, match="of STAR; set train.simulated"):
        PublishedSVM.fit(few, section())


def test_the_published_settings_hold_unless_the_job_says_otherwise(monkeypatch, data):
    seen = []

    def stop(_, table):
        seen.append((table.learning_rate, table.class_weights))
        raise ConfigurationError("far enough")

    monkeypatch.setattr(PublishedCNN, "training", stop)
    for keys in ({}, {"learning_rate": 0.01}):
        with pytest.raises(ConfigurationError, match="far enough"):
            PublishedCNN.fit(data, section(variant="published-cnn", **keys))
    assert seen == [(5e-4, "none"), (0.01, "none")]
