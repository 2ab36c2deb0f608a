import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from survey_batch.models.metrics import log_loss
from survey_batch.models.summary import mean_figure, probabilistic_summary, summary

CLASSES = ("a", "b", "c", "d")


def guesses(seed: int = 1, rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    true = random.choice(4, rows, p=[0.5, 0.3, 0.15, 0.05])
    probability = random.dirichlet(np.ones(4), rows)
    probability[np.arange(rows), true] += 0.3
    return true, probability / probability.sum(axis=1, keepdims=True)


def all_of(true, probability, prior="as_found", group=None):
    group = np.arange(len(true)) if group is None else group
    return {
        **summary(true, probability.argmax(axis=1), CLASSES, 3, group, prior=prior),
        **probabilistic_summary(true, probability, CLASSES, group, prior=prior),
    }


def test_it_is_ready_for_json_and_null_where_there_is_no_value():
    true, probability = guesses()
    probability[:, 3] = 0
    result = json.loads(json.dumps(all_of(true, probability), allow_nan=False))
    assert result["per_class"]["d"]["precision"] is None
    assert result["per_class"]["d"]["precision_95"] is None
    assert result["among_ordered"]["objects"] == int(np.sum(true < 3))
    assert sum(map(sum, result["confusion"])) == 200


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_every_figure_lies_in_its_interval(seed):
    result = all_of(*guesses(seed))
    holders = [result, *result["per_class"].values()]
    named = [(one, key) for one in holders for key in one if f"{key}_95" in one and one[key] is not None]
    assert len(named) >= 6 + 3 * 4 - 2
    for one, key in named:
        low, high = one[f"{key}_95"]
        assert low <= one[key] <= high or "macro" in key or "f1" in key  # F1 is biased low in few draws


def test_the_shares_found_are_the_default_and_change_nothing():
    true, probability = guesses()
    found = np.bincount(true) / len(true)
    plain, named = all_of(true, probability), all_of(true, probability, dict(zip(CLASSES, found, strict=True)))
    assert plain["accuracy"] == pytest.approx(np.mean(probability.argmax(axis=1) == true))
    for key in ("accuracy", "macro_f1", "top_2", "within_one_class", "log_loss", "expected_calibration_error"):
        assert named[key] == pytest.approx(plain[key], abs=1e-6)


def test_a_prior_weighs_objects_as_scikit_learn_does():
    true, probability = guesses()
    prior = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    weights = (np.array(list(prior.values())) / np.bincount(true))[true]
    result, predicted = all_of(true, probability, prior), probability.argmax(axis=1)
    assert result["accuracy"] == pytest.approx(
        reference.accuracy_score(true, predicted, sample_weight=weights), abs=1e-6
    )
    f1 = reference.f1_score(true, predicted, sample_weight=weights, average="macro")
    assert result["macro_f1"] == pytest.approx(f1, abs=1e-6)
    assert result["log_loss"] == pytest.approx(reference.log_loss(true, probability, sample_weight=weights))
    top_2 = reference.top_k_accuracy_score(true, probability, k=2, sample_weight=weights)
    assert result["top_2"] == pytest.approx(top_2, abs=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.9])
def test_intervals_are_stated_on_the_prior_too(share):
    true = np.array([0] * 80 + [1] * 20)
    predicted = np.where(np.arange(100) % 10 < np.where(true == 0, 9, 3), true, 1 - true)  # recall 0.9 and 0.3
    result = summary(true, predicted, ("a", "b"), 0, np.arange(100), prior={"a": 1 - share, "b": share})
    assert result["accuracy"] == pytest.approx(0.9 * (1 - share) + 0.3 * share)
    for one in (result, result["per_class"]["a"], result["per_class"]["b"]):
        for key in ("accuracy", "precision"):
            if key in one:
                low, high = one[f"{key}_95"]
                assert low < one[key] < high
                assert high - low < 0.45


def test_recall_keeps_its_value_and_interval_on_any_prior_even_without_a_share():
    true, probability = guesses()
    plain, stated = (all_of(true, probability, prior)["per_class"] for prior in ("as_found", {"a": 0.9, "b": 0.1}))
    for name in CLASSES:
        assert stated[name]["recall"] == plain[name]["recall"]
        assert stated[name]["recall_95"] == plain[name]["recall_95"]


def test_intervals_widen_where_objects_are_visits_of_few_stars():
    true, probability = guesses(rows=400)
    star = np.arange(400) // 20
    right = probability.argmax(axis=1) == true
    order = np.argsort(right, kind="stable")  # visits of one star are right or wrong together
    alone, together = (all_of(true[order], probability[order], group=g) for g in (np.arange(400), star))
    width = [np.ptp(one["accuracy_95"]) for one in (alone, together)]
    assert width[1] > 2 * width[0]
    assert together["stars"] == 20


def test_the_interval_covers_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(200):
        right = np.random.default_rng(seed).random(100) < 0.8
        result = summary(np.zeros(100, int), np.where(right, 0, 1), ("a", "b"), 0, np.arange(100), seed)
        low, high = result["accuracy_95"]
        inside += low <= 0.8 <= high
    assert 180 <= inside <= 199


def test_a_class_whose_few_objects_are_all_right_is_not_certain():
    result = summary(np.array([0] * 50 + [1] * 3), np.array([0] * 50 + [1] * 3), ("a", "b"), 0, np.arange(53))
    assert result["per_class"]["b"]["recall_95"] == [pytest.approx(0.292, abs=1e-3), 1]
    assert result["accuracy_95"] == [pytest.approx(0.933, abs=1e-3), 1]


def test_a_mean_figure_agrees_with_the_mean():
    scores = np.array([1.0, -1, 0, 0, 1, 1])
    mean, error, (low, high) = mean_figure(np.zeros(6, int), scores, ("a",), np.arange(6))
    assert mean == pytest.approx(1 / 3)
    assert error == pytest.approx(scores.std() / np.sqrt(6), rel=0.1)
    assert low < mean < high


def test_log_loss_and_summary_agree():
    true, probability = guesses()
    assert all_of(true, probability)["log_loss"] == pytest.approx(log_loss(true, probability))


@pytest.mark.parametrize("prior", ["as_found", "equal"])
def test_the_accuracy_among_answered_objects_has_its_interval(prior):
    true, probability = guesses()
    for row in all_of(true, probability, prior)["coverage"]["table"]:
        low, high = row["accuracy_95"]
        assert low <= row["accuracy"] <= high
    assert np.ptp(all_of(true, probability, prior)["coverage"]["table"][0]["accuracy_95"]) < 0.35


def test_where_all_objects_are_answered_the_interval_is_that_of_accuracy():
    true, probability = guesses()
    sure = np.clip(probability, 0, None) ** 8
    result = all_of(true, sure / sure.sum(axis=1, keepdims=True))
    most = result["coverage"]["table"][0]
    assert most["answered"] > 0.9
    assert most["accuracy_95"] == pytest.approx(result["accuracy_95"], abs=0.03)


def test_answered_objects_of_classes_without_a_share_have_no_accuracy():
    true, probability = np.array([0] * 10 + [1] * 10), np.repeat([[0.95, 0.05], [0.45, 0.55]], 10, axis=0)
    table = probabilistic_summary(true, probability, ("a", "b"), np.arange(20), prior={"b": 1.0})["coverage"]["table"]
    assert [row["accuracy"] for row in table] == [1.0, None, None]
    assert [row["accuracy_95"] is None for row in table] == [False, True, True]


def test_neighbours_in_the_list_that_are_none_in_the_sequence_are_not_within_one_class():
    true, wrong = np.repeat([0, 1], 10), np.repeat([1, 0], 10)
    assert summary(true, wrong, ("A", "M"), 2, np.arange(20))["within_one_class"] is None
    assert summary(true, wrong, ("A", "F"), 2, np.arange(20))["within_one_class"] == 1


def test_the_interval_of_no_gain_is_not_one_sided():
    assert mean_figure(np.zeros(50, np.intp), np.zeros(50), ("a",), np.arange(50))[2] == [0, 0]
