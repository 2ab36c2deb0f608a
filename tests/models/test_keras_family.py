"""What a network is trained on, before there is a network."""

import logging
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from survey_batch.config.sections.training_base import NetworkTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.examples import Training
from survey_batch.models.keras_family import KerasClassifier, _not_about_retracing
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from tests.models.conftest import labelled

CLASSES = ("A", "é")
PLAIN = Training(build=lambda _: None)


class Toy(KerasClassifier[NetworkTraining]):
    kind: ClassVar[str] = "toy"
    variant: ClassVar[str] = "one"

    def prepare(self, block):
        return block["value"].astype(np.float32)[:, None] * [1, 10]


Toy.__abstractmethods__ = frozenset()


@pytest.fixture
def draft():
    recipe = Recipe(product="features", variables=("value",), shape=())
    return Toy(Manifest(kind="toy", variant="one", classes=CLASSES, recipe=recipe))


def section(**keys):
    return NetworkTraining(classifier="-", kind="toy", variant="one", **keys)


def rows(count):
    return labelled({"value": np.arange(count)}, np.array(CLASSES)[(np.arange(count) % 4 == 3).astype(int)])


@pytest.mark.parametrize("in_file", [False, True])
def test_rows_are_prepared_block_by_block_with_extra_ones_last(draft, tmp_path, in_file):
    file = tmp_path / "new" / "inputs.npy" if in_file else None
    extra = {"value": np.array([-1, -2])}, np.array(["é", "A"])
    made = draft.examples(rows(1500), section(), PLAIN, file, extra)
    assert isinstance(made.inputs, np.memmap) == in_file
    assert made.inputs.shape == (1502, 2)
    np.testing.assert_array_equal(made.inputs[:, 0], [*range(1500), -1, -2])
    np.testing.assert_array_equal(made.targets[-3:], [[0, 1], [0, 1], [1, 0]])
    assert (made.rows, made.augment) == (None, None)


def test_classes_have_equal_weight_unless_they_shall_not(draft):
    made = draft.examples(rows(8), section(), PLAIN, None)
    np.testing.assert_allclose(made.weight, [2 / 3, 2 / 3, 2 / 3, 2] * 2, rtol=1e-6)
    assert draft.examples(rows(8), section(class_weights="none"), PLAIN, None).weight is None


def test_a_family_makes_its_own_targets_and_epochs(draft):
    how = Training(
        PLAIN.build, augment=max, targets=lambda number: -number[:, None], epoch_rows=lambda n: np.flatnonzero(n)
    )
    made = draft.examples(rows(8), section(), how, None)
    assert made.targets[:, 0].tolist() == [0, 0, 0, -1] * 2
    assert made.rows.tolist() == [3, 7]
    assert made.augment is max


def test_without_rows_there_is_nothing_to_train_on(draft):
    with pytest.raises(ConfigurationError, match="there are no rows to train on"):
        draft.examples(rows(0), section(), PLAIN, None)


def test_a_family_must_say_how_it_is_trained(draft):
    with pytest.raises(NotImplementedError):
        draft.training(section())


@pytest.mark.parametrize(("text", "kept"), [("triggered tf.function retracing", False), ("out of memory é", True)])
def test_tensorflow_s_warning_about_other_networks_is_not_shown(text, kept):
    assert _not_about_retracing(logging.makeLogRecord({"msg": text})) == kept


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((None, 2), ""),
        ((None, None), ""),
        ((None, 3), "has 3 outputs for 2 classes"),
        ((None, 1), "has 1 outputs for 2"),
    ],
)
def test_a_network_must_have_an_output_for_each_class(draft, shape, said):
    draft.model = SimpleNamespace(output_shape=shape)
    assert draft.misfit().startswith(said)
    assert bool(draft.misfit()) == bool(said)


def test_answers_for_another_number_of_classes_are_refused_before_any_is_kept(draft):
    draft.outputs = lambda inputs: np.ones((len(inputs), 1), np.float32)
    with pytest.raises(ConfigurationError, match=r"answers with an array of shape \(1, 1\) for 2 classes"):
        draft.predict_prepared({"inputs": np.ones((1, 2), np.float32), "possible": np.ones(1, bool)}, 4)
