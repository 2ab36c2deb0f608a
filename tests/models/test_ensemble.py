"""What an ensemble of small networks is shown: soft labels, rare classes more often, each row a little changed."""

from typing import ClassVar

import numpy as np

from survey_batch.config.sections.training_base import EnsembleTraining
from survey_batch.models.augment import Augmentation
from survey_batch.models.ensemble import WEIGHT_DECAY, EnsembleClassifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe

MEMBERS = 3
SECTION = EnsembleTraining(classifier="-", kind="toy", variant="one", members=MEMBERS)


class Toy(EnsembleClassifier[EnsembleTraining]):
    kind: ClassVar[str] = "toy"
    variant: ClassVar[str] = "one"
    augmentation: ClassVar[Augmentation] = Augmentation(shift=0.0, noise=(-9.0, -9.0), neighbour=0.5, least_share=0.25)


Toy.__abstractmethods__ = frozenset()


def training(*classes):
    recipe = Recipe(product="features", variables=("value",), shape=(2,))
    return Toy(Manifest(kind="toy", variant="one", classes=classes, recipe=recipe, seed=1)).training(SECTION)


def test_neighbours_in_the_sequence_of_types_get_some_weight_in_each_member():
    soft = training("A", "F", "é").targets(np.array([0, 1, 2]))
    assert soft.shape == (3, MEMBERS, 3)
    np.testing.assert_allclose(soft[:, 0], [[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0], [0, 0, 1]], rtol=1e-6)
    assert (soft == soft[:, :1]).all()


def test_letters_that_are_no_neighbours_get_none():
    np.testing.assert_array_equal(training("A", "G").targets(np.array([0, 1]))[:, 0], np.eye(2))


def test_rows_of_rare_classes_are_repeated_until_they_have_their_share():
    number = np.array([0] * 18 + [1] * 2)
    rows = training("A", "F").epoch_rows(number)
    assert np.bincount(number[rows]).tolist() == [18, 2 * 2]  # a quarter of 20 rows is 2.5 of each, rounded to even


def test_a_changed_row_keeps_its_label_for_each_member():
    how = training("A", "F")
    values, soft = np.ones((4, 5, 1), np.float32), how.targets(np.array([0, 1, 1, 0]))
    changed, targets = how.augment(values, soft, np.random.default_rng(1))
    np.testing.assert_allclose(changed, values, atol=1e-6)
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(targets, soft)


def test_the_step_size_falls_to_zero_and_weights_decay():
    how = training("A", "F")
    assert (how.decay, how.weight_decay, how.loss) == ("cosine", WEIGHT_DECAY, "categorical_crossentropy")
