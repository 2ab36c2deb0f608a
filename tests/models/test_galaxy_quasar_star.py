"""The convolution that tells galaxies, quasars and stars apart."""

import numpy as np
import pytest
from pydantic import ValidationError

from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.galaxy_quasar_star import CLASSES, LINES, GalaxyQuasarStar, network
from survey_batch.models.loading import load_classifier
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.galaxies import simulated


def section(**keys):
    return GalaxyTraining(classifier="-", **{"epochs": 14, "batch": 32, "snr": (15.0, 60.0), **keys})


def small(variant):
    """A classifier trained for a moment, and spectra to classify."""
    return GalaxyQuasarStar.fit(simulated(6, seed=1), section(epochs=1, batch=8)), simulated(2, seed=2).block


@pytest.fixture(scope="module")
def data():
    return simulated(40, seed=1)


@pytest.fixture(scope="module")
def tested():
    return simulated(15, seed=2, split="test")


@pytest.fixture(scope="module")
def trained(data):
    return GalaxyQuasarStar.fit(data, section())


@pytest.fixture(scope="module")
def with_redshift(data):
    return GalaxyQuasarStar.fit(data.take(np.arange(20, 60)), section(epochs=1, redshift=True))


@pytest.mark.slow
def test_new_spectra_are_told_apart(trained, tested):
    probability = trained.predict_proba(tested.block)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
    right = np.array(CLASSES)[probability.argmax(axis=1)] == tested.label
    assert right.mean() > 0.7, "chance is 1/3"
    assert trained.history["loss"][-1] < trained.history["loss"][0]


@pytest.mark.slow
def test_rows_answer_for_themselves(trained, tested):
    assert_rows_answer_for_themselves(trained, tested.block, [3, 7])


@pytest.mark.slow
def test_a_saved_classifier_answers_the_same(trained, tested, tmp_path):
    trained.save(tmp_path)
    np.testing.assert_allclose(
        load_classifier(tmp_path).predict_proba(tested.block), trained.predict_proba(tested.block), atol=1e-6
    )


@pytest.mark.slow
def test_the_same_seed_draws_the_same_weights():
    first, again, other = (network(60, 0, 3, seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_a_spectrum_with_few_good_pixels_is_not_classified(trained, tested):
    block = {name: values[:2].copy() for name, values in tested.block.items()}
    block["ivar"][0, :2900] = 0
    probability = trained.predict_proba(block)
    assert np.isnan(probability[0]).all()
    assert np.isfinite(probability[1]).all()


@pytest.mark.slow
def test_redshift_is_no_input_unless_it_is_asked_for(trained, with_redshift):
    assert trained.recipe.variables == ("flux", "ivar", "mask")
    assert with_redshift.recipe.variables == ("flux", "ivar", "mask", "redshift")


@pytest.mark.slow
def test_lines_at_rest_are_used_where_a_redshift_is_given(with_redshift, tested):
    block = tested.block
    without = {**block, "redshift": np.full(len(tested), np.nan, np.float32)}
    answers = with_redshift.predict_proba(block), with_redshift.predict_proba(without)
    assert all(np.isfinite(answer).all() for answer in answers)
    assert not np.allclose(*answers)


@pytest.mark.slow
def test_half_of_the_training_rows_lose_their_redshift(data, with_redshift):
    values = with_redshift.prepare(data.block)
    change = with_redshift.training(section(redshift=True)).augment
    changed, targets = change(values, np.eye(3)[np.zeros(len(values), int)], np.random.default_rng(1))
    blank = (changed[:, -LINES:] == 0).all(axis=(1, 2))
    assert 0.3 < blank.mean() < 0.7
    np.testing.assert_array_equal(changed[~blank, -LINES:], values[~blank, -LINES:])
    assert changed.dtype == np.float32
    assert targets.shape == (len(values), 3)


@pytest.mark.slow
def test_simulated_spectra_make_up_for_a_class_that_is_missing(data):
    stars = data.take(data.label == "STAR")
    with pytest.raises(ConfigurationError, match="two classes"):
        GalaxyQuasarStar.fit(stars, section(epochs=1, simulated=2))
    few = data.take(data.label != "QSO")
    examples = GalaxyQuasarStar.prepare_fit(few, section(), None, 1)[0].extra_examples(few, section(simulated=2))
    assert examples is not None
    assert list(examples[1]) == ["GALAXY", "GALAXY", "QSO", "QSO", "STAR", "STAR"]
    assert set(examples[0]) == {"flux", "ivar", "mask"}


def test_the_network_is_small():
    assert network(977, 0, 3, 1).count_params() < 200_000


@pytest.mark.parametrize("wrong", [{"snr": (20.0, 5.0)}, {"snr": (0.0, 5.0)}, {"simulated": -1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValidationError):
        section(**wrong)
