"""The nearest rows, found block by block."""

import numpy as np
import pytest

from survey_batch.models import neighbours
from survey_batch.models.neighbours import nearest


def by_hand(queries, vectors, top, metric):
    """All distances at once, from differences."""
    a, b = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "cosine":
        a, b = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (a, b))
    distance = np.linalg.norm(a[:, None] - b, axis=2)
    distance = distance**2 / 2 if metric == "cosine" else distance
    order = np.argsort(distance, axis=1, kind="stable")[:, :top]
    return order, np.take_along_axis(distance, order, axis=1)


@pytest.fixture
def vectors():
    return np.random.default_rng(2).normal(size=(203, 5)).astype(np.float32)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_blocks_give_what_all_at_once_gives(vectors, metric, monkeypatch):
    monkeypatch.setattr(neighbours, "PRODUCTS_AT_ONCE", 100)
    blocks = [(start, vectors[start : start + 50]) for start in range(0, len(vectors), 50)]
    found = nearest(vectors[:9], blocks, 7, metric)
    rows, distances = by_hand(vectors[:9], vectors, 7, metric)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.distances, distances, atol=1e-12)


def test_small_distances_far_from_the_origin_are_not_lost():
    vectors = np.full((40, 3), 3e6, np.float32)
    vectors[:, 0] += np.arange(40) * 0.25
    found = nearest(vectors[[20]], [(0, vectors)], 3)
    assert found.rows[0, 0] == 20
    np.testing.assert_array_equal(found.distances[0], [0, 0.25, 0.25])
    assert found.rows[0].tolist() == [20, 19, 21], "equal distances are in the order of the rows"


def test_rows_without_a_vector_are_no_neighbours(vectors):
    vectors[::2] = np.nan
    found = nearest(vectors[[1]], [(0, vectors)], 150)
    assert (found.rows[0, :101] % 2 == 1).all()
    assert (found.rows[0, 101:] == -1).all()
    assert np.isinf(found.distances[0, 101:]).all()
