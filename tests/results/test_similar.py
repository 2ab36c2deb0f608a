"""The objects most like some others."""

import numpy as np
import pytest
import xarray as xr

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.results import embedding
from survey_batch.results.similar import similar
from tests.report.outputs import make_embedding, make_predictions, make_spectra, spectra_job, write_plan

OBJECTS = 24


@pytest.fixture
def job(tmp_path):
    """Objects along a line, 1 apart but for object 5, which lies on object 9; object 20 has no vector."""
    job = spectra_job(tmp_path)
    vectors = np.zeros((OBJECTS, 3), np.float32)
    vectors[:, 0] = np.arange(OBJECTS)
    vectors[5] = vectors[9]
    vectors[20] = np.nan
    status = np.full(OBJECTS, Status.OK, np.uint8)
    status[20] = Status.UNREADABLE
    make_spectra(job, OBJECTS)
    make_embedding(job, vectors, status)
    return job


def test_neighbours_come_with_what_is_known_of_them_the_nearest_first(job):
    found = similar(job, "object-2", top=3)
    assert found.columns.tolist() == ["object", "rank", "object_id", "distance", "label", "ra", "dec", "status"]
    assert found["object_id"].tolist() == ["object-1", "object-3", "object-0"]
    assert found["distance"].tolist() == [1, 1, 2]
    assert found["rank"].tolist() == [1, 2, 3]
    assert found["label"].tolist() == ["G", "A", "A"]
    assert found["ra"].tolist() == pytest.approx([359.991, 359.993, 150.0])
    assert set(found["status"]) == {"ok"}


def test_an_object_is_not_its_own_neighbour_even_where_another_lies_on_it(job):
    found = similar(job, ["object-9", "object-5"], top=1)
    assert found[["object", "object_id", "distance"]].values.tolist() == [
        ["object-9", "object-5", 0],
        ["object-5", "object-9", 0],
    ]


def test_the_order_of_the_question_is_kept_and_blocks_do_not_matter(job, monkeypatch):
    whole = similar(job, ["object-21", "object-3"], top=30)
    assert similar(job, xr.DataArray(["object-21", "object-3"], dims="object"), top=30).equals(whole)
    assert whole["object"].drop_duplicates().tolist() == ["object-21", "object-3"]
    assert len(whole) == 2 * (OBJECTS - 2), "neither the object nor the one without a vector"
    assert "object-20" not in set(whole["object_id"])
    monkeypatch.setattr(embedding, "BLOCK_BYTES", 1)
    assert similar(job, ["object-21", "object-3"], top=30).equals(whole)


def test_the_angle_counts_where_it_is_asked_for(job):
    found = similar(job, "object-1", top=2, metric="cosine")
    assert found["distance"].tolist() == [0, 0], "all lie in one direction but for the first, at the origin"


def test_an_unknown_id_is_told_with_ids_like_it(job):
    with pytest.raises(ConfigurationError, match=r"no object of .* has the id 'objct-23'; did you mean .*'object-23'"):
        similar(job, "objct-23")
    with pytest.raises(ConfigurationError, match=r"'x' \(and 1 more\); ids are in the column sb_object_id"):
        similar(job, ["x", "y"])


def test_an_object_without_a_vector_is_told(job):
    with pytest.raises(ConfigurationError, match="'object-20' has no embedding"):
        similar(job, ["object-1", "object-20"])


def test_an_object_that_predictions_lack_so_far_is_told_and_the_others_are_compared(job):
    before = similar(job, "object-2", top=3)
    write_plan(job, OBJECTS + 2)
    with pytest.raises(ConfigurationError, match="'object-25' has no embedding: not done yet"):
        similar(job, "object-25")
    found = similar(job, "object-2", top=3)
    assert found.drop(columns="status").equals(before.drop(columns="status"))


def test_predictions_of_classes_are_refused(tmp_path):
    job = spectra_job(tmp_path)
    with pytest.raises(ConfigurationError, match="has no product 'predictions'"):
        similar(job, "object-1")
    make_predictions(job)
    with pytest.raises(ConfigurationError, match="are classes"):
        similar(job, "object-1")


def test_the_package_and_an_opened_run_find_the_same(job):
    expected = similar(job, "object-2", top=3)
    assert sb.similar(job, "object-2", top=3).equals(expected)
    assert sb.open(job.output).similar("object-2", top=3).equals(expected)


@pytest.mark.parametrize(
    ("ids", "keys", "message"),
    [([], {}, "no id is given"), ("object-1", {"metric": "manhattan"}, "must be one of euclidean, cosine")],
)
def test_a_question_that_has_no_answer_is_refused(job, ids, keys, message):
    with pytest.raises(ConfigurationError, match=message):
        similar(job, ids, **keys)
