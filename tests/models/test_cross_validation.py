from dataclasses import replace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.calibration import apply_temperature, fit_temperature
from survey_batch.models.cross_validation import (
    calibrated_across_folds,
    grouped_folds,
    hold_out,
    possible_folds,
)
from tests.models.conftest import labelled

ROWS = 60


def stars(classes=2, rows=ROWS):
    return labelled({"value": np.zeros((rows, 1))}, np.array([f"class {row % classes}" for row in range(rows)]))


def test_what_the_split_keeps_whole_no_fold_tears_apart():
    field = np.arange(ROWS) // 10
    data = replace(stars(), group=field)
    for train, test in grouped_folds(data, 3, 1):
        assert not set(field[train]) & set(field[test])
    rest, held_out = hold_out(data, 1)
    assert not set(rest.group) & set(held_out.group)
    assert len(held_out) > 0


def test_more_folds_than_the_objects_allow_are_refused_in_words():
    assert possible_folds(stars(classes=ROWS // 4)) == 4
    with pytest.raises(ConfigurationError, match="5 folds need .* 4 are possible with 60 labelled objects"):
        next(grouped_folds(stars(classes=ROWS // 4), 5, 1))


def test_of_too_few_objects_none_is_held_out():
    data = stars(classes=3, rows=3)
    rest, held_out = hold_out(data, 1)
    assert (len(rest), len(held_out)) == (3, 0)


def test_an_object_without_an_answer_changes_no_temperature():
    random = np.random.default_rng(1)
    true = random.integers(0, 3, 300)
    probability = apply_temperature(np.eye(3)[true] + random.normal(0, 0.5, (300, 3)).clip(0.01), 0.7)
    fold, weights = np.arange(300) % 3, np.ones(300)
    whole = calibrated_across_folds(true, probability, fold, weights)
    missing = np.arange(300) == 7
    with_gap = np.where(missing[:, None], np.nan, probability)
    found = calibrated_across_folds(true, with_gap, fold, weights)
    expected = fit_temperature(true[(fold != 0) & ~missing], probability[(fold != 0) & ~missing])
    np.testing.assert_allclose(found[fold == 0], apply_temperature(probability[fold == 0], expected))
    assert np.isnan(found[7]).all()
    np.testing.assert_allclose(found[~missing], whole[~missing], atol=0.02)
