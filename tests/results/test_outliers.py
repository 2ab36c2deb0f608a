"""How unlike all others an object is."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.results import outliers
from survey_batch.results.outliers import OutlierScore, reference_rows


@pytest.fixture
def vectors():
    """Two dimensions of very different size; row 7 is far away in the small one, row 11 has none."""
    values = np.random.default_rng(0).normal(size=(300, 2)).astype(np.float32) * [1000, 0.01]
    values[7, 1] = 0.2
    values[11] = np.nan
    return values.astype(np.float32)


def scored(vectors):
    rows = reference_rows(np.isfinite(vectors).all(axis=1))
    return OutlierScore.from_reference(rows, vectors[rows])


def test_the_strange_one_has_the_highest_score_whatever_the_size_of_its_dimension(vectors):
    scores = scored(vectors).scores(np.arange(300), vectors)
    assert np.nanargmax(scores) == 7
    assert np.isnan(scores[11])
    assert np.nanmedian(scores) == pytest.approx(1, abs=1e-6)


def test_the_score_is_the_distance_to_the_tenth_other_object(vectors):
    kept = np.delete(vectors, 11, axis=0).astype(np.float64)
    scaled = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    distance = np.sort(np.linalg.norm(scaled[:, None] - scaled, axis=2), axis=1)[:, 10]
    expected = distance / np.median(distance)
    scores = np.delete(scored(vectors).scores(np.arange(300), vectors), 11)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_scores_do_not_depend_on_what_is_scored_together(vectors, monkeypatch):
    monkeypatch.setattr(outliers, "REFERENCE", 60)
    score = scored(vectors)
    assert len(score.rows) == 60
    whole = score.scores(np.arange(300), vectors)
    monkeypatch.setattr(outliers, "AT_ONCE", 7)
    parts = [score.scores(np.arange(start, start + 25), vectors[start : start + 25]) for start in range(0, 300, 25)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(whole, scored(vectors).scores(np.arange(300), vectors))


def test_too_few_objects_are_refused(vectors):
    with pytest.raises(ConfigurationError, match="more than 10 objects"):
        OutlierScore.from_reference(np.arange(5), vectors[:5])
