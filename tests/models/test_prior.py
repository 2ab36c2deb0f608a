import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.metrics import figures_of, per_class
from survey_batch.models.prior import (
    effective_number,
    object_weights,
    parse_prior,
    reweigh,
    shift_prior,
    stated_shares,
)

CLASSES = ("a", "b", "c")
shares = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(
    lambda values: dict(zip(CLASSES, values, strict=True))
)
counts = st.lists(st.integers(1, 50), min_size=9, max_size=9).map(lambda values: np.array(values).reshape(3, 3))
labels = st.lists(st.integers(0, 2), min_size=3, max_size=40).map(np.array)


@given(labels)
def test_as_found_weighs_every_object_by_exactly_one(true):
    np.testing.assert_array_equal(object_weights(true, CLASSES, "as_found"), 1)
    assert effective_number(object_weights(true, CLASSES, "as_found")) == len(true)


@given(labels, shares)
def test_weighted_objects_have_the_stated_shares_and_a_mean_of_one(true, prior):
    weights = object_weights(true, CLASSES, prior)
    found = np.bincount(true, minlength=3)
    total = np.bincount(true, weights, minlength=3)
    expected = np.where(found > 0, list(prior.values()), 0)
    np.testing.assert_allclose(total / total.sum(), expected / expected.sum())
    assert weights.mean() == pytest.approx(1)
    assert effective_number(weights) <= len(true) * (1 + 1e-12)


@given(counts, shares)
def test_recall_does_not_depend_on_the_prior(confusion, prior):
    stated = reweigh(confusion, stated_shares(prior, CLASSES, confusion.sum(axis=1)))
    np.testing.assert_allclose(per_class(stated)["recall"], per_class(confusion)["recall"])
    assert figures_of(stated, 3)["macro_recall"] == pytest.approx(figures_of(confusion, 3)["macro_recall"])


@given(counts)
def test_on_equal_shares_accuracy_is_the_mean_recall(confusion):
    stated = reweigh(confusion, stated_shares("equal", CLASSES, confusion.sum(axis=1)))
    assert figures_of(stated, 0)["accuracy"] == pytest.approx(per_class(confusion)["recall"].mean())


@given(counts)
def test_the_shares_found_given_by_name_change_nothing(confusion):
    found = confusion.sum(axis=1)
    prior = dict(zip(CLASSES, (found / found.sum()).tolist(), strict=True))
    stated = reweigh(confusion, stated_shares(prior, CLASSES, found))
    for name, value in figures_of(confusion, 3).items():
        assert figures_of(stated, 3)[name] == pytest.approx(value)


@given(counts, shares, st.integers(2, 9))
def test_more_objects_of_one_class_change_nothing_on_a_given_prior(confusion, prior, times):
    more = confusion * np.array([[times], [1], [1]])
    one, other = (reweigh(c, stated_shares(prior, CLASSES, c.sum(axis=1))) for c in (confusion, more))
    np.testing.assert_allclose(one / one.sum(), other / other.sum())


def test_a_class_without_objects_leaves_its_share_to_the_others():
    given = stated_shares({"a": 0.5, "b": 0.25, "c": 0.25}, CLASSES, np.array([3, 0, 1]))
    np.testing.assert_allclose(given, [2 / 3, 0, 1 / 3])


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("equals", "not 'as_found', 'equal' or shares"),
        ({"d": 1.0}, r"names classes \['d'\]"),
        ({"b": 1.0}, "no share to any class that has objects"),
        ({"a": -0.5, "c": 1.5}, "no share"),
    ],
)
def test_a_prior_without_sense_is_refused(prior, message):
    with pytest.raises(ConfigurationError, match=message):
        stated_shares(prior, CLASSES, np.array([3, 0, 1]))


@pytest.mark.parametrize(
    ("text", "prior"),
    [("equal", "equal"), ("as_found", "as_found"), ("non-stellar=0.25, A=0.75", {"non-stellar": 0.25, "A": 0.75})],
)
def test_a_prior_is_read_from_text(text, prior):
    assert parse_prior(text) == prior


@pytest.mark.parametrize(
    ("text", "message"), [("even", "not as_found, equal"), ("A=x", "is not as_found"), ("A=0.5", "to 0.5, not")]
)
def test_text_that_is_no_prior_is_refused(text, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_prior(text)


def drawn(prior: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes drawn by a prior, and one measured number of each object, normal about its class's place."""
    random = np.random.default_rng(1)
    true = random.choice(3, rows, p=prior)
    return true, random.normal(true, 1.0)


def posterior(measured: np.ndarray, prior: np.ndarray) -> np.ndarray:
    power = prior * np.exp(-0.5 * (measured[:, None] - np.arange(3)) ** 2)
    return power / power.sum(axis=1, keepdims=True)


@given(shares, shares)
def test_shifted_probabilities_are_bayes_for_the_new_prior(before, after):
    old, new = (np.array(list(prior.values())) for prior in (before, after))
    _, measured = drawn(np.ones(3) / 3, 50)
    np.testing.assert_allclose(shift_prior(posterior(measured, old), old, new), posterior(measured, new), rtol=1e-9)


@given(shares, shares)
def test_shifting_back_restores_the_probabilities(before, after):
    old, new = (np.array(list(prior.values())) for prior in (before, after))
    probability = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    np.testing.assert_allclose(shift_prior(shift_prior(probability, old, new), new, old), probability)


def test_figures_on_a_prior_are_those_of_objects_drawn_by_it():
    here, there = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
    accuracy = {}
    for name, prior in (("here", here), ("there", there)):
        true, measured = drawn(prior, 200_000)
        right = posterior(measured, here).argmax(axis=1) == true
        weights = object_weights(true, CLASSES, dict(zip(CLASSES, there, strict=True)))
        accuracy[name] = np.average(right, weights=weights)
    assert accuracy["here"] == pytest.approx(accuracy["there"], abs=0.01)
