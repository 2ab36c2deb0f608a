"""What all families that are fitted do with the rows given to them."""

from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.fitted import check_labels, predict_rows, valid_part, valid_rows_of
from survey_batch.models.labelled import Labelled


class Family:
    """Rows with a positive value can be classified; the answer is the value."""

    manifest = SimpleNamespace(columns=2)

    @staticmethod
    def valid_rows(block, recipe):
        return block["x"] > recipe.least

    @staticmethod
    def predict_proba(block):
        return np.stack([block["x"], 1 - block["x"]], axis=1).astype(np.float32)


class Recipe:
    least = 0.0

    @staticmethod
    def check_shapes(shapes):
        if shapes != {"x": ()}:
            raise ConfigurationError(f"other shapes: {shapes}")


def labelled(values, labels=None):
    text = np.full(len(values), "")
    labels = text if labels is None else np.array(labels)
    return Labelled({"x": np.array(values, float)}, labels, text, text, np.arange(len(values)), {})


@pytest.mark.parametrize("count", [0, 1, 2500])
def test_rows_are_marked_and_answered_block_by_block_in_their_order(count):
    data = labelled(np.arange(count) % 2)
    assert np.array_equal(valid_rows_of(Family, data, Recipe), np.arange(count) % 2 == 1)
    answers = predict_rows(Family, data)
    assert answers.shape == (count, 2)
    assert answers.dtype == np.float32
    assert np.array_equal(answers[:, 0], np.arange(count) % 2)


def test_rows_that_cannot_be_classified_are_left_out_and_other_shapes_refused():
    assert valid_part(Family, labelled([1, 0, np.nan, 2], list("abcd")), Recipe).label.tolist() == ["a", "d"]
    with pytest.raises(ConfigurationError, match="other shapes"):
        valid_part(Family, labelled(np.zeros((2, 3))), Recipe)


@pytest.mark.parametrize("labels", [[], ["A"], ["é", "é"]])
def test_fewer_than_two_classes_are_refused_with_those_there_are(labels):
    said = rf"objects of at least two classes; there are {len(labels)} usable, of classes \{sorted(set(labels))}"
    with pytest.raises(ConfigurationError, match=said.replace("]", r"\]")):
        check_labels(labelled(range(len(labels)), np.array(labels, str)), ("A", "é"))


def test_a_label_that_is_no_class_is_refused_and_two_classes_are_enough():
    check_labels(labelled([1, 2], ["A", "é"]), ("A", "é", "unused"))
    with pytest.raises(ConfigurationError, match="'B'"):
        check_labels(labelled([1, 2], ["A", "B"]), ("A", "é"))
