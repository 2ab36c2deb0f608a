"""Keys that every kind of classifier has."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.training_base import (
    EnsembleTraining,
    NetworkTraining,
    TrainingSection,
    network_keys,
)

KEYS = {"classifier": "-", "kind": "any", "variant": "one"}


class Published(NetworkTraining):
    of_variant = {"theirs": {"epochs": 7, "patience": 2}}  # noqa: RUF012


@pytest.mark.parametrize("prior", ["as_found", "equal", {"é": 0.25, "B": 0.75}, {"only": 1.0}])
def test_a_prior_is_a_word_or_shares_that_sum_to_one(prior):
    assert TrainingSection(**KEYS, prior=prior).prior == prior


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ({"A": 0.5, "B": 0.4}, "sum to 1"),
        ({}, "sum to 1"),
        ({"A": 1.0, "B": 0.0}, "greater than 0"),
        ("even", "'equal'"),
    ],
)
def test_another_prior_is_refused(prior, said):
    with pytest.raises(ValidationError, match=said):
        TrainingSection(**KEYS, prior=prior)


def test_one_fold_is_refused_and_none_or_more_are_not():
    assert [TrainingSection(**KEYS, folds=folds).folds for folds in (0, 2, 10)] == [0, 2, 10]
    with pytest.raises(ValidationError, match="one fold leaves nothing to train on: set 0 for none, or 2 or more"):
        TrainingSection(**KEYS, folds=1)


def test_a_variant_has_defaults_of_its_own_which_what_is_given_replaces():
    keys = {**KEYS, "variant": "theirs"}
    assert (Published(**KEYS).epochs, Published(**keys).epochs, Published(**keys, epochs=9).epochs) == (40, 7, 9)
    assert Published(**keys, epochs=9).patience == 2


@pytest.mark.parametrize("variant", [["theirs"], 1, None])
def test_a_variant_that_is_no_word_is_refused_as_such(variant):
    with pytest.raises(ValidationError, match="variant"):
        Published(**{**KEYS, "variant": variant})


def test_seeds_are_those_that_all_libraries_take():
    assert TrainingSection(**KEYS, seed=2**31 - 1).seed == 2**31 - 1
    for seed in (-1, 2**31):
        with pytest.raises(ValidationError, match="seed"):
            TrainingSection(**KEYS, seed=seed)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="epochs"):
        TrainingSection(**KEYS, epochs=3)


def test_keys_of_networks_are_those_of_the_table():
    own = set(NetworkTraining.model_fields) - set(TrainingSection.model_fields)
    assert network_keys("a", "b") == dict.fromkeys(own, ("a", "b"))


def test_an_ensemble_shows_rare_classes_more_often_instead_of_weighing_them():
    assert (EnsembleTraining(**KEYS).class_weights, NetworkTraining(**KEYS).class_weights) == ("none", "balanced")
    assert not TrainingSection(**KEYS).makes_examples
