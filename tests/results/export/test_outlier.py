"""The column that says how unlike all others an object is."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.results.export.results import find_results
from survey_batch.results.outliers import OutlierScore
from tests.report.outputs import make_embedding, make_predictions, make_spectra, spectra_job, write_plan

OBJECTS = 40


@pytest.fixture
def vectors():
    values = np.random.default_rng(3).normal(size=(OBJECTS, 4)).astype(np.float32)
    values[17] += 9
    values[30] = np.nan
    return values


def test_scores_are_a_column_that_is_read_part_by_part_with_null_where_there_is_none(tmp_path, vectors):
    job = spectra_job(tmp_path)
    status = np.full(OBJECTS, Status.OK, np.uint8)
    status[30] = Status.UNREADABLE
    make_spectra(job, OBJECTS)
    make_embedding(job, vectors, status)
    results = find_results(job, ["outlier"])
    whole = results.read(slice(0, OBJECTS))
    assert whole.column_names == ["object_id", "status", "outlier_score"]
    scores = whole["outlier_score"].to_pylist()
    assert scores[30] is None
    assert max(score for score in scores if score is not None) == scores[17]
    known = np.delete(np.arange(OBJECTS), 30)
    expected = OutlierScore.from_reference(known, vectors[known]).scores(known, vectors[known])
    assert np.delete(np.array(scores, float), 30).astype(np.float32).tolist() == expected.tolist()
    parts = [results.read(slice(start, start + 13))["outlier_score"] for start in (0, 13)]
    assert [value for part in parts for value in part.to_pylist()] == scores[:26]
    write_plan(job, OBJECTS + 3)  # a run has still to give the products three rows
    grown = find_results(job, ["outlier"])
    assert grown.read(slice(35, OBJECTS + 3))["outlier_score"].to_pylist() == [*scores[35:], None, None, None]
    assert grown.read(slice(OBJECTS + 1, OBJECTS + 2))["outlier_score"].to_pylist() == [None]


def test_it_is_refused_where_predictions_are_classes(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job)
    make_predictions(job)
    write_plan(job)
    with pytest.raises(ConfigurationError, match="are classes, and what is similar is told by an embedding"):
        find_results(job, ["outlier"])
