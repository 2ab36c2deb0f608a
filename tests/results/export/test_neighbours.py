"""The columns of each object's nearest neighbours: those that `similar` finds."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.results.export import neighbours
from survey_batch.results.export.neighbours import COUNT
from survey_batch.results.export.results import find_results
from survey_batch.results.similar import similar
from tests.report.outputs import make_embedding, make_predictions, make_spectra, spectra_job, write_plan

OBJECTS = 30


@pytest.fixture
def job(tmp_path):
    """Object 20 has no vector, and object 5 lies on object 9."""
    job = spectra_job(tmp_path)
    vectors = np.random.default_rng(3).normal(size=(OBJECTS, 4)).astype(np.float32)
    vectors[5] = vectors[9]
    vectors[20] = np.nan
    status = np.full(OBJECTS, Status.OK, np.uint8)
    status[20] = Status.UNREADABLE
    make_spectra(job, OBJECTS)
    make_embedding(job, vectors, status)
    return job


def columns(table):
    ranks = range(1, COUNT + 1)
    ids = [table[f"neighbour_{rank}"].to_pylist() for rank in ranks]
    distances = [table[f"neighbour_{rank}_distance"].to_pylist() for rank in ranks]
    return list(zip(*ids, strict=True)), list(zip(*distances, strict=True))


def test_they_are_those_that_similar_finds_and_null_where_there_is_no_vector(job, monkeypatch):
    results = find_results(job, ["outlier,neighbours"])
    table = results.read(slice(0, OBJECTS))
    assert table.column_names[2:5] == ["outlier_score", "neighbour_1", "neighbour_1_distance"]
    ids, distances = columns(table)
    assert ids[20] == distances[20] == (None,) * COUNT
    assert (ids[5][0], ids[9][0], distances[5][0]) == ("object-9", "object-5", 0)
    asked = [f"object-{row}" for row in range(OBJECTS) if row != 20]
    found = similar(job, asked, top=COUNT)
    assert [one for row, one in enumerate(ids) if row != 20] == [
        tuple(part) for _, part in found.groupby("object", sort=False)["object_id"]
    ]
    assert [name for row, one in enumerate(distances) if row != 20 for name in one] == found["distance"].tolist()
    monkeypatch.setattr(neighbours, "QUERIES_AT_ONCE", 4)
    parts = [columns(results.read(slice(start, start + 13))) for start in (0, 13)]
    assert [one for part, _ in parts for one in part] == ids[:26]


def test_few_objects_have_fewer_neighbours_and_new_rows_of_the_catalogue_none(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, 3)
    make_embedding(job, np.array([[0, 0], [0, 1], [0, 3]], np.float32), np.full(3, Status.OK, np.uint8))
    write_plan(job, 5)
    ids, distances = columns(find_results(job, ["neighbours"]).read(slice(0, 5)))
    assert ids[1] == ("object-0", "object-2", None, None, None)
    assert distances[1] == (1, 2, None, None, None)
    assert ids[3] == ids[4] == (None,) * COUNT


def test_they_are_refused_where_predictions_are_classes(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job)
    make_predictions(job)
    write_plan(job)
    with pytest.raises(ConfigurationError, match="are classes, and what is similar is told by an embedding"):
        find_results(job, ["neighbours"])
