import numpy as np
import pytest
from sklearn import metrics as reference

from survey_batch.models.metrics import (
    confusion_matrix,
    figures_of,
    log_loss,
    macro_f1,
    mcnemar,
    per_class,
    top_2,
    within_one_class,
)

CLASSES = 4


@pytest.fixture
def guesses():
    random = np.random.default_rng(1)
    true = random.integers(0, CLASSES, 200)
    probability = random.dirichlet(np.ones(CLASSES), 200)
    probability[np.arange(200), true] += 0.3
    probability /= probability.sum(axis=1, keepdims=True)
    return true, probability, probability.argmax(axis=1)


def test_metrics_agree_with_scikit_learn(guesses):
    true, probability, predicted = guesses
    confusion = confusion_matrix(true, predicted, CLASSES)
    np.testing.assert_array_equal(confusion, reference.confusion_matrix(true, predicted))
    precision, recall, f1, support = reference.precision_recall_fscore_support(true, predicted)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support)):
        np.testing.assert_allclose(per_class(confusion)[name], expected)
    assert macro_f1(true, predicted, CLASSES) == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    assert log_loss(true, probability) == pytest.approx(reference.log_loss(true, probability))
    assert top_2(true, probability) == pytest.approx(reference.top_k_accuracy_score(true, probability, k=2))


def test_a_class_that_is_never_true_is_left_out_of_macro_f1():
    assert macro_f1(np.array([0, 1]), np.array([0, 1]), 5) == 1


def test_within_one_class_counts_neighbours_of_the_sequence_alone():
    true, predicted = np.array([0, 1, 2, 2, 3, 3]), np.array([0, 2, 0, 3, 3, 0])
    # Classes 0 to 2 are a sequence: of their four objects, 0->0 and 1->2 are within one; 2->0 and 2->3 are not.
    assert within_one_class(true, predicted, ordered=3) == 0.5


def test_top_2_is_not_within_one_class():
    probability = np.array([[0.5, 0.1, 0.4], [0.4, 0.5, 0.1]])
    assert top_2(np.array([2, 2]), probability) == 0.5
    assert within_one_class(np.array([2, 2]), probability.argmax(axis=1), 3) == 0.5


def test_mcnemar_counts_the_objects_that_differ():
    true = np.zeros(12, int)
    ours, theirs = np.zeros(12, int), np.ones(12, int)
    theirs[:2] = 0
    assert mcnemar(true, ours, theirs) == {"only_ours": 10, "only_theirs": 0, "p": pytest.approx(2 / 2**10)}
    assert mcnemar(true, ours, ours)["p"] == 1


def test_a_stack_of_matrices_gives_the_figures_of_each(guesses):
    true, _, predicted = guesses
    stack = np.stack([confusion_matrix(true, (predicted + shift) % CLASSES, CLASSES) for shift in range(3)])
    for name, values in figures_of(stack, 3).items():
        for one, matrix in zip(values, stack, strict=True):
            assert one == pytest.approx(figures_of(matrix, 3)[name])


def test_macro_averages_agree_with_scikit_learn(guesses):
    true, _, predicted = guesses
    predicted = np.where(predicted == 3, 0, predicted)  # never predicted: counts as 0
    figures = figures_of(confusion_matrix(true, predicted, CLASSES), 0)
    for name in ("precision", "recall", "f1"):
        theirs = getattr(reference, f"{name}_score")(true, predicted, average="macro", zero_division=0)
        assert figures[f"macro_{name}"] == pytest.approx(theirs)


def test_log_loss_of_weighted_objects_is_that_of_repeated_ones(guesses):
    true, probability, _ = guesses
    times = np.arange(200) % 3 + 1
    assert log_loss(true, probability, times.astype(float)) == pytest.approx(
        log_loss(np.repeat(true, times), np.repeat(probability, times, axis=0))
    )
