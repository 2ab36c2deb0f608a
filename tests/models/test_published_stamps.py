import os
from types import SimpleNamespace

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.published_stamps import (
    ANSWER_STEP,
    FIRST_ANSWER,
    ComponentsMLP,
    SimilaritySVM,
    StampCNN,
    pixel_compression,
    similarity,
)
from survey_batch.models.recipe import Recipe
from survey_batch.optics.psf_field import random_psf_field
from survey_batch.optics.seds import CLASSES
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.test_stamp_likelihood import EXPOSURE, stars
from tests.stamp_files import SMALL

SMALLER = {"pca-mlp": {"epochs": 4, "members": 3}, "cnn-mlp": {"epochs": 2, "batch": 32}, "svm-psf": {}}


@pytest.fixture(scope="module")
def psf_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "psf-model.npz"
    random_psf_field(1, SMALL, EXPOSURE).save(path)
    return str(path)


def section(variant, psf_model=None):
    return StampTraining(classifier="-", variant=variant, psf_model=psf_model, **SMALLER[variant])


def small(variant):
    """A small trained network and what it can be asked."""
    classifier = family_of("stamp-type", variant).fit(
        stars(130, seed=1), section(variant), validation=stars(30, seed=2)
    )
    return classifier, stars(6, seed=3).block


@pytest.fixture(scope="module")
def trained(psf_model):
    data = stars(260, seed=1)
    return {
        variant: family_of("stamp-type", variant).fit(data, section(variant, psf_model), validation=stars(40, seed=2))
        for variant in SMALLER
    }


@pytest.mark.slow
@pytest.mark.parametrize("variant", SMALLER)
def test_rows_answer_for_themselves(trained, variant):
    assert_rows_answer_for_themselves(trained[variant], stars(7, seed=3).block, [4, 5])


@pytest.mark.slow
@pytest.mark.parametrize("variant", SMALLER)
def test_preparing_a_row_depends_on_that_row_alone_to_the_last_bit(trained, variant):
    block = stars(70, seed=3).block
    prepared = trained[variant].prepare(block)
    for row in (0, 68):
        one = {name: values[row : row + 1] for name, values in block.items()}
        np.testing.assert_array_equal(trained[variant].prepare(one), prepared[row : row + 1])


@pytest.mark.slow
@pytest.mark.parametrize("variant", SMALLER)
def test_it_is_the_same_after_saving_and_loading(trained, variant, tmp_path):
    trained[variant].save(tmp_path / variant)
    block = stars(6, seed=4).block
    loaded = load_classifier(tmp_path / variant)
    assert loaded.classes == CLASSES
    np.testing.assert_array_equal(loaded.predict_proba(block), trained[variant].predict_proba(block))


@pytest.mark.slow
@pytest.mark.parametrize("variant", SMALLER)
def test_a_stamp_with_a_hole_is_not_classified(trained, variant):
    block = {name: values.copy() for name, values in stars(2, seed=5).block.items()}
    block["flux"][1, 3, 3] = np.nan
    assert np.isnan(trained[variant].predict_proba(block)[1]).all()


def test_settings_are_the_published_ones_unless_the_job_says_otherwise():
    committee, network = (StampTraining(classifier="-", variant=name) for name in ("pca-mlp", "cnn-mlp"))
    assert (committee.learning_rate, committee.epochs, committee.patience, committee.batch) == (0.1, 100, 20, 32)
    assert (committee.members, committee.components) == (48, 24)
    assert (network.learning_rate, network.epochs, network.batch) == (1e-4, 2000, 512)
    assert StampTraining(classifier="-", variant="cnn-mlp", epochs=7).epochs == 7


def test_the_network_has_the_published_number_of_weights():
    assert pixel_compression(32, 13, seed=1).count_params() == 43_981


def test_features_are_as_published():
    random = np.random.default_rng(1)
    flux, psfs = random.random((2, 4, 4)), random.random((2, 3, 4, 4))
    found = similarity(flux.astype(np.float32), psfs.astype(np.float32))
    for star in range(2):
        likeness = [1 - np.sum((one - flux[star]) ** 2) for one in psfs[star]]
        np.testing.assert_allclose(found[star], np.array(likeness) / np.sum(likeness), rtol=1e-5)


@pytest.mark.slow
def test_the_machine_is_right_where_stars_are_centred_and_lost_where_not(trained):
    def right(data):
        probability = trained["svm-psf"].predict_proba(data.block)
        return np.mean(np.array(CLASSES)[probability.argmax(axis=1)] == data.label)

    assert right(stars(150, seed=6)) > 0.4
    assert right(stars(150, seed=6, offset=0.1)) < 0.3


@pytest.mark.slow
def test_the_class_is_the_one_nearest_to_the_committees_mean_and_anomalies_have_none(trained, monkeypatch):
    committee = trained["pca-mlp"]
    answers = np.array([[1.6, 1.4, 1.5], [4.0, 4.2, 4.1], [1.0, 1.3, 1.2], [2.0, 5.0, 6.0], [7.7, 7.9, 7.8]])
    monkeypatch.setattr(committee, "model", SimpleNamespace(predict_on_batch=lambda _: answers))
    probability = committee._forward(np.zeros((5, 24)))
    known = np.isfinite(probability).all(axis=1)
    assert known.tolist() == [True, True, False, False, False]
    expected = np.round((answers.mean(axis=1) - FIRST_ANSWER) / ANSWER_STEP)
    np.testing.assert_array_equal(probability[known].argmax(axis=1), expected[known])


def test_a_star_on_which_the_committee_disagrees_has_no_class_and_ends_no_run():
    recipe = Recipe(product="stamps", variables=("flux",), shape=(2, 2))
    manifest = Manifest(kind="stamp-type", variant="pca-mlp", classes=CLASSES, recipe=recipe)
    outputs = np.array([[1.6, 1.4, 1.5], [2.0, 5.0, 6.0]])
    network = SimpleNamespace(compile=lambda **_: None, predict_on_batch=lambda _: outputs)
    arrays = {"mean": np.zeros(4), "components": np.eye(4), "spread": np.array(0.5)}
    probability = ComponentsMLP(manifest, arrays, network).predict_proba({"flux": np.ones((2, 2, 2), np.float32)}, 2)
    assert np.isfinite(probability).all(axis=1).tolist() == [True, False]


@pytest.mark.slow
def test_transforms_come_from_training_stars_alone(trained):
    data = stars(260, seed=1)
    for variant in ("pca-mlp", "cnn-mlp"):
        mean = trained[variant].arrays["mean"].reshape(32, 32)
        np.testing.assert_allclose(mean, data.block["flux"].mean(axis=0), atol=1e-6)


def test_too_few_stars_of_a_class_for_probabilities_are_named(psf_model):
    with pytest.raises(ConfigurationError, match="5 labelled stars of each class"):
        SimilaritySVM.fit(stars(30, seed=7), section("svm-psf", psf_model))


def test_the_machine_needs_psf_models():
    with pytest.raises(ConfigurationError, match=r"train\.psf_model"):
        SimilaritySVM.fit(stars(5, seed=7), section("svm-psf"))


def test_networks_need_no_psf_model():
    assert ComponentsMLP.variables == StampCNN.variables == ("flux",)
