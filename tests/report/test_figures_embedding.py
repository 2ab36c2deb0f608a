"""What the page shows of an embedding."""

import re

import numpy as np
import pytest

from survey_batch.report.build import build_page
from survey_batch.report.examples import ALIKE, STRANGEST, chosen
from survey_batch.report.figures_embedding import principal_plane
from survey_batch.report.objects import read_objects
from survey_batch.report.summary import summarize
from tests.report.outputs import SHARD, make_embedding, make_spectra, spectra_job

OBJECTS, STRANGE = 24, 13


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """An output whose object 13 is far from all others."""
    job = spectra_job(tmp_path_factory.mktemp("embedded"))
    vectors = np.random.default_rng(4).normal(size=(OBJECTS, 3)).astype(np.float32)
    vectors[STRANGE] += 20
    make_spectra(job, OBJECTS)
    make_embedding(job, vectors)
    return job.output, vectors


def test_the_strangest_come_first_then_a_usual_one_with_those_most_like_it(embedded):
    output, vectors = embedded
    objects = read_objects(summarize(output))
    (_, strangest), (title, alike) = chosen(objects)
    assert strangest[0] == STRANGE
    assert len(strangest) == STRANGEST
    assert (np.diff(objects.outlier_score[strangest]) <= 0).all()
    distance = np.linalg.norm(vectors - vectors[alike[0]], axis=1)
    assert alike.tolist() == np.argsort(distance)[:ALIKE].tolist()
    assert objects.object_id[alike[0]] in title


def test_the_page_has_the_map_the_model_and_the_scores(embedded):
    output, _ = embedded
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", build_page(output)))
    for words in (
        "Which are alike",
        "The strangest of 24",
        "outlier score",
        "How often neighbours are of one class",
        "24 objects, each given the commonest label of the nearest 5 among 24 labelled objects",
        "accuracy of the vote",
        "dimensions 3",
        "1,200 objects",
        "2.0 % of the variance of 40 held-out spectra ( 4.0 % with as many principal components, 1.0 % is noise)",
    ):
        assert re.sub(r"\( ", "(", words) in text


def test_the_plane_holds_the_two_largest_components_and_leaves_out_what_is_unknown():
    random = np.random.default_rng(0)
    vectors = (random.normal(size=(500, 3)) * [0.1, 3, 1]).astype(np.float32)
    known = np.arange(500) != 7
    place, share = principal_plane(vectors, known)
    assert np.isnan(place[7]).all()
    np.testing.assert_allclose(np.abs(np.corrcoef(place[known, 0], vectors[known, 1])[0, 1]), 1, atol=0.01)
    assert share[0] > 0.8 > 0.15 > share[1] > 0.05


def test_without_two_labels_the_page_says_nothing_of_neighbours_classes(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, OBJECTS, label=np.full(SHARD, "A", dtype=object))
    make_embedding(job, np.random.default_rng(4).normal(size=(OBJECTS, 3)).astype(np.float32))
    text = build_page(job.output)
    assert "Which are alike" in text
    assert "How often neighbours" not in text
