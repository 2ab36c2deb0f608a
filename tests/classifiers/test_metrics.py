import numpy as np
import pytest
from sklearn import metrics as reference

from survey_batch.classifiers.metrics import (
    bootstrap,
    confusion_matrix,
    log_loss,
    macro_f1,
    mcnemar,
    per_class,
    summary,
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


def test_bootstrap_error_is_the_binomial_one_for_independent_objects():
    right = np.random.default_rng(2).random(2000) < 0.8
    error, low, high = bootstrap(right.astype(float), seed=3)
    assert error == pytest.approx(np.sqrt(0.8 * 0.2 / 2000), rel=0.1)
    assert low < right.mean() < high


def test_repeat_visits_count_as_one_star_in_the_bootstrap():
    right = (np.random.default_rng(2).random(500) < 0.8).astype(float)
    alone, _, _ = bootstrap(right)
    repeated, _, _ = bootstrap(np.repeat(right, 4), np.repeat(np.arange(500), 4))
    assert repeated == pytest.approx(alone, rel=0.1)


def test_bootstrap_repeats_itself_for_a_seed():
    scores = np.arange(10.0)
    assert bootstrap(scores, seed=1) == bootstrap(scores, seed=1)
    assert bootstrap(scores, seed=1) != bootstrap(scores, seed=2)


def test_mcnemar_counts_the_objects_that_differ():
    true = np.zeros(12, int)
    ours, theirs = np.zeros(12, int), np.ones(12, int)
    theirs[:2] = 0
    assert mcnemar(true, ours, theirs) == {"only_ours": 10, "only_theirs": 0, "p": pytest.approx(2 / 2**10)}
    assert mcnemar(true, ours, ours)["p"] == 1


def test_summary_is_ready_for_json(guesses):
    import json

    true, _, predicted = guesses
    names = ("a", "b", "c", "d")
    result = summary(true, np.where(predicted == 3, 0, predicted), names, 3, np.arange(200))
    assert json.loads(json.dumps(result, allow_nan=False))["per_class"]["d"]["precision"] is None
    assert result["among_ordered"]["objects"] == int(np.sum(true < 3))
