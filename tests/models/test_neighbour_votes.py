"""Objects get the class of their nearest labelled neighbours."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import neighbour_votes
from survey_batch.models.describe import describe
from survey_batch.models.neighbour_votes import VOTERS, neighbour_scores, votes_of
from tests.models.conftest import labelled

CLASSES = ("A", "F", "G")
RANDOM = np.random.default_rng(7)
TRUE = RANDOM.integers(0, 3, 90)
VECTORS = (RANDOM.normal(size=(90, 4)) + 1.5 * np.eye(3, 4)[TRUE]).astype("f4")
STAR = np.arange(90) // 3
EVERY = np.arange(90)


def test_each_object_is_given_the_commonest_class_of_its_nearest_neighbours_without_its_own_star(monkeypatch):
    monkeypatch.setattr(neighbour_votes, "QUERIES_AT_ONCE", 40)
    votes = votes_of(VECTORS, TRUE, STAR, EVERY, EVERY)
    for row in EVERY:
        others = EVERY[STAR[row] != STAR]
        distance = np.linalg.norm(VECTORS[others] - VECTORS[row], axis=1)
        near = TRUE[others[np.argsort(distance)][:VOTERS]]
        assert votes.nearest[row] == near[0]
        assert votes.same[row] == pytest.approx(np.mean(near == TRUE[row]))
        ((_, most), *_) = Counter(near.tolist()).most_common()
        assert np.sum(near == votes.chosen[row]) == most


def test_of_classes_with_as_many_votes_the_nearer_ones_win():
    vectors = np.array([[0], [1], [2], [3], [4], [9]], "f4")
    true = np.array([0, 1, 2, 2, 1, 0])
    assert votes_of(vectors, true, np.arange(6), np.array([0]), np.array([1, 2, 3, 4, 5])).chosen.tolist() == [1]


def test_few_neighbours_vote_and_an_object_without_vector_or_neighbours_has_no_class():
    vectors = np.array([[0], [1], [np.nan], [3]], "f4")
    votes = votes_of(vectors, np.array([0, 0, 1, 1]), np.array([0, 1, 2, 0]), np.arange(4), np.array([0, 3]))
    assert votes.chosen.tolist() == [-1, 0, -1, -1]
    assert votes.same.tolist()[1] == 0.5


def rows_of(split):
    return replace(labelled({}, np.array(CLASSES)[TRUE]), star=STAR, split=np.asarray(split))


def test_a_split_is_scored_by_the_others_and_told_in_words():
    split = np.where(STAR % 3 == 0, "test", np.where(STAR % 3 == 1, "train", ""))
    scores = neighbour_scores(rows_of(split), VECTORS, CLASSES, "test", 1)
    asked, voters = np.flatnonzero(split == "test"), np.flatnonzero(split != "test")
    votes = votes_of(VECTORS, TRUE, STAR, asked, voters)
    one = scores["classifier"]
    assert scores["neighbours"] == {"vote": VOTERS, "among": 60}
    assert one["accuracy"] == pytest.approx(np.mean(votes.chosen == TRUE[asked]), abs=1e-6)
    assert scores["nearest"]["accuracy"] == pytest.approx(np.mean(votes.nearest == TRUE[asked]), abs=1e-6)
    assert one["same_class"] == pytest.approx(votes.same.mean(), abs=1e-6)
    assert one["same_class_95"][0] < one["same_class"] < one["same_class_95"][1]
    for number, name in enumerate(CLASSES):
        expected = votes.same[TRUE[asked] == number].mean()
        assert one["per_class"][name]["same_class"] == pytest.approx(expected, abs=1e-6)
    assert scores["most_common"]["accuracy"] < one["accuracy"]
    assert "top_2" not in one
    text = describe({"classifier": "models/e", "classes": list(CLASSES), "test": scores})
    assert max(map(len, text.splitlines())) <= 80
    for words in ("nearest 5 of 60 objects", "their vote", "the nearest", "commonest class", "of the same class"):
        assert words in text


def test_the_prior_counts_and_rows_without_vector_are_counted():
    vectors = VECTORS.copy()
    vectors[:4] = np.nan
    found = neighbour_scores(rows_of([""] * 90), vectors, CLASSES, "", 1, {"A": 1.0, "F": 0.0, "G": 0.0})
    assert found["not_classified"] == 4
    assert found["neighbours"]["among"] == 90
    one = found["classifier"]
    assert one["same_class"] == pytest.approx(one["per_class"]["A"]["same_class"], abs=1e-6)


def test_a_perfect_share_of_neighbours_is_not_taken_for_certain():
    far = (100 * np.eye(3, 4)[TRUE] + VECTORS).astype("f4")
    one = neighbour_scores(rows_of([""] * 90), far, CLASSES, "", 1)["classifier"]
    assert (one["accuracy"], one["same_class"]) == (1, 1)
    assert one["same_class_95"] == one["accuracy_95"]
    assert one["same_class_95"][0] < 1
    for each in one["per_class"].values():
        assert each["same_class_95"] == each["recall_95"]


def test_a_star_of_many_visits_has_few_objects_searched_at_once(monkeypatch):
    sizes, plain = [], neighbour_votes.nearest
    monkeypatch.setattr(
        neighbour_votes, "nearest", lambda asked, *rest: (sizes.append(len(asked)), plain(asked, *rest))[1]
    )
    monkeypatch.setattr(neighbour_votes, "QUERIES_AT_ONCE", 40)
    star = np.maximum(STAR, 9)  # 30 visits of one star
    found = votes_of(VECTORS, TRUE, star, EVERY, EVERY)
    assert max(sizes) == 6
    monkeypatch.setattr(neighbour_votes, "QUERIES_AT_ONCE", 10_000)
    for one, other in zip(
        vars(found).values(), vars(votes_of(VECTORS, TRUE, star, EVERY, EVERY)).values(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_objects_without_any_vector_are_refused():
    with pytest.raises(ConfigurationError, match="no object has an embedding .*, out of 90"):
        neighbour_scores(rows_of([""] * 90), np.full_like(VECTORS, np.nan), CLASSES, "", 1)
