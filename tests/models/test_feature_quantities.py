"""Quantities from features: a temperature and a gravity that two columns tell."""

from functools import cache

import numpy as np
import pytest

from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.models.feature_quantities import FeatureQuantities
from survey_batch.models.loading import load_classifier
from tests.models.values import valued

NAMES = ("colour", "width", "noise", "zero")
SECTION = QuantitiesTraining(
    classifier="-", variant="networks", columns=("teff", "logg"), scale={"teff": "log"}, epochs=30, members=2, batch=16,
    learning_rate=1e-2,
)  # fmt: skip


def make_values(seed, rows=80):
    """Features (object, feature), a tenth of the widths missing, and the quantities."""
    random = np.random.default_rng(seed)
    colour, width = random.normal(size=(2, rows))
    target = np.stack([5500 * np.exp(-0.2 * colour), 4 + 0.5 * width], axis=1)
    width[random.random(rows) < 0.1] = np.nan
    value = np.stack([colour, width, random.normal(size=rows), np.zeros(rows)], axis=1)
    return {"value": value.astype(np.float32)}, target


def table(seed=1):
    block, target = make_values(seed)
    return valued(target, FeatureQuantities.quantities_of(SECTION), block, feature=np.array(NAMES))


@cache
def fitted():
    return FeatureQuantities.fit(table(), SECTION)


def small(variant):
    return fitted(), make_values(3, 12)[0]


def test_quantities_of_new_rows_are_found_and_their_errors_are_positive():
    block, target = make_values(2)
    answers = fitted().predict_proba(block)
    assert answers.shape == (80, 4)
    assert np.std(answers[:, 0] - target[:, 0]) < 0.4 * np.std(target[:, 0])
    assert (answers[:, 2:] > 0).all()


def test_a_row_whose_width_is_missing_has_a_larger_error_of_the_gravity():
    block, _ = make_values(2)
    missing = np.isnan(block["value"][:, 1])
    error = fitted().predict_proba(block)[:, 3]
    assert np.median(error[missing]) > 1.5 * np.median(error[~missing])


def test_a_row_without_any_feature_has_no_estimate():
    block = make_values(2, 3)[0]
    block["value"][1] = np.nan
    answers = fitted().predict_proba(block)
    assert np.isnan(answers[1]).all()
    assert np.isfinite(answers[[0, 2]]).all()


def test_errors_are_multiplied_by_the_fitted_factor():
    model, block = fitted(), make_values(2, 5)[0]
    doubled = [one.model_copy(update={"error_factor": 2.0}) for one in model.manifest.quantities]
    before, kept = model.predict_proba(block), model.manifest
    model.manifest = kept.model_copy(update={"quantities": tuple(doubled)})
    after = model.predict_proba(block)
    model.manifest = kept
    np.testing.assert_allclose(after, before * [1, 1, 2, 2], rtol=1e-6)


def test_a_saved_model_answers_as_before(tmp_path):
    block = make_values(2, 9)[0]
    fitted().save(tmp_path)
    loaded = load_classifier(tmp_path)
    np.testing.assert_allclose(loaded.predict_proba(block), fitted().predict_proba(block), rtol=1e-5)
    assert [one.name for one in loaded.manifest.quantities] == ["teff", "logg"]


@pytest.mark.parametrize("row", [0, 7])
def test_a_row_is_prepared_by_itself(row):
    block = make_values(2, 9)[0]
    alone = fitted().prepare({"value": block["value"][row : row + 1]})
    np.testing.assert_array_equal(alone[0], fitted().prepare(block)[row])
