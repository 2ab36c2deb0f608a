from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA as REFERENCE
from sklearn.decomposition import IncrementalPCA

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.pca import PCA, ROWS_AT_ONCE, Moments, _largest

ROWS = np.random.default_rng(2).normal(1, 1, (90, 30)) @ np.diag(np.linspace(3, 0.1, 30))


def fitted(rows=ROWS, components=5):
    return PCA.fit(Moments.of(rows), components)


def merged(parts):
    return reduce(Moments.merge, map(Moments.of, parts))


def unpacked(moments):
    square = np.zeros((moments.mean.size,) * 2)
    square.T[np.tril_indices(moments.mean.size)] = moments.outer
    return square


def test_components_are_those_of_scikit_learn_up_to_sign():
    ours, reference = fitted(), REFERENCE(5, svd_solver="full").fit(ROWS)
    signs = np.sign(np.sum(ours.components * reference.components_, axis=1))
    np.testing.assert_allclose(ours.components, reference.components_ * signs[:, None], atol=1e-10)
    np.testing.assert_allclose(ours.variance, reference.explained_variance_, rtol=1e-10)
    np.testing.assert_allclose(ours.transform(ROWS), reference.transform(ROWS) * signs, atol=1e-10)


def test_the_largest_loading_is_positive():
    components = fitted().components
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    assert (largest > 0).all()


@pytest.mark.slow
@given(
    rows=st.integers(12, 70),
    size=st.integers(3, 11),
    scale=st.floats(1e-3, 1e3),
    offset=st.floats(-1e5, 1e5),
    parts=st.integers(1, 6),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_parts_with_bad_rows_and_any_mean_give_what_scikit_learn_gives(rows, size, scale, offset, parts, seed):
    rng = np.random.default_rng(seed)
    clean = scale * (offset + rng.normal(0, 1, (rows, size)) * np.linspace(3, 1, size))
    dirty = np.insert(clean, rng.integers(0, rows, 3), [[np.nan], [np.inf], [-np.inf]], axis=0)
    ours, whole = PCA.fit(merged(np.array_split(dirty, parts)), size), REFERENCE(svd_solver="full").fit(clean)
    incremental = IncrementalPCA(batch_size=size).fit(clean)
    # Rows of size |offset| hold their scatter to so many digits, and no method can do better.
    digits = 1e-12 * max(1, abs(offset))
    for reference in (whole, incremental):
        np.testing.assert_allclose(ours.mean, reference.mean_, rtol=1e-12, atol=1e-12 * scale)
        np.testing.assert_allclose(ours.variance, reference.explained_variance_, rtol=10 * digits)
        np.testing.assert_allclose(ours.ratio, reference.explained_variance_ratio_, rtol=10 * digits)
        # Components with nearly equal variance may turn into each other; what they span together may not.
        gaps = np.abs(np.diff(whole.explained_variance_ratio_))
        closeness = min(gaps.min(initial=1), 1)
        turn = np.abs(np.sum(ours.components * reference.components_, axis=1))
        np.testing.assert_allclose(turn, 1, atol=max(1e3 * digits / closeness, 1e-12))


EIGENVALUES = {
    "falling": 0.5 ** np.arange(400.0),
    "equal": np.repeat([5.0, 4.0, 1.0], [3, 2, 395]),
    "nearly equal": np.r_[5, 5 - 1e-9, 5 - 1e-8, 4, 4 - 1e-12, np.linspace(1, 0, 395)],
    "all equal": np.ones(400),
    "one": np.r_[1.0, np.zeros(399)],
    "large": np.r_[3e12, 2e12, 1e12, np.zeros(397)],
    "small": np.r_[3e-18, 2e-18, np.zeros(398)],
}


@pytest.mark.parametrize("name", EIGENVALUES)
def test_a_few_components_of_many_are_those_of_the_whole_decomposition(name):
    values, count = EIGENVALUES[name], 8
    turned, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(400, 400)))
    covariance = (turned * values) @ turned.T
    moments = Moments(1001, np.zeros(400), 1000 * covariance.T[np.tril_indices(400)])
    pca = PCA.fit(moments, count)
    real = values[:count] > 1e-10 * values[0]
    np.testing.assert_allclose(pca.variance, np.where(real, values[:count], 0), atol=1e-13 * values[0])
    np.testing.assert_allclose(pca.components @ pca.components.T, np.diag(real), atol=1e-12)
    turn = covariance @ pca.components.T - pca.components.T * pca.variance
    np.testing.assert_allclose(turn, 0, atol=1e-13 * values[0])
    np.testing.assert_array_equal(PCA.fit(moments, count).components, pca.components)


def test_a_large_mean_costs_no_digits():
    far = ROWS + 1e6
    near = PCA.fit(merged(np.array_split(ROWS, 7)), 5)
    np.testing.assert_allclose(PCA.fit(merged(np.array_split(far, 7)), 5).variance, near.variance, rtol=1e-8)


@given(st.lists(st.integers(0, 90), max_size=6))
@settings(max_examples=20, deadline=None)
def test_moments_of_parts_merge_to_those_of_the_whole(cuts):
    parts, whole = merged(np.split(ROWS, sorted(cuts))), Moments.of(ROWS)
    assert parts.count == whole.count
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.outer, whole.outer, rtol=1e-10, atol=1e-10)


def test_moments_are_the_upper_triangle_of_the_scatter():
    centred = ROWS - ROWS.mean(axis=0)
    np.testing.assert_allclose(unpacked(Moments.of(ROWS)), np.triu(centred.T @ centred), atol=1e-9)


def test_merging_changes_neither_part():
    one, other = Moments.of(ROWS[:40]), Moments.of(ROWS[40:])
    before = [(m.mean.copy(), m.outer.copy()) for m in (one, other)]
    one.merge(other)
    for moments, (mean, outer) in zip((one, other), before, strict=True):
        np.testing.assert_array_equal(moments.mean, mean)
        np.testing.assert_array_equal(moments.outer, outer)


def test_ratios_are_shares_of_all_variance():
    np.testing.assert_allclose(fitted(components=30).ratio.sum(), 1)
    np.testing.assert_allclose(fitted().ratio, REFERENCE(5, svd_solver="full").fit(ROWS).explained_variance_ratio_)


def test_rows_that_are_all_the_same_have_no_components():
    pca = fitted(np.full((5, 4), 7.0), 2)
    assert not pca.components.any()
    assert not pca.ratio.any()


def test_rows_that_are_not_finite_are_left_out():
    dirty = np.insert(ROWS, [10, 50], np.nan, axis=0)
    np.testing.assert_allclose(fitted(dirty).components, fitted().components, atol=1e-12)


@pytest.mark.bits
def test_scores_of_a_row_do_not_depend_on_the_others():
    pca = fitted()
    together = pca.transform(ROWS)
    for i in range(len(ROWS)):
        np.testing.assert_array_equal(pca.transform(ROWS[i : i + 1])[0], together[i])


@pytest.mark.bits
@pytest.mark.parametrize("pixels", [40, 700])
def test_scores_are_the_same_in_any_place_of_any_number_of_rows(pixels):
    rows = np.random.default_rng(4).normal(1, 1, (2 * ROWS_AT_ONCE + 5, pixels)).astype("f4")
    pca = fitted(rows, 5)
    plain = np.einsum("nw,cw->nc", rows - pca.mean, pca.components)
    scores = pca.transform(rows)
    np.testing.assert_allclose(scores, plain, rtol=0, atol=1e-12 * np.abs(plain).max())
    for first in (1, 7, 50, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 4):
        np.testing.assert_array_equal(pca.transform(rows[first:]), scores[first:])
        np.testing.assert_array_equal(pca.transform(rows[first : first + 1]), scores[first : first + 1])


def test_a_row_with_nan_has_no_scores_and_harms_no_other():
    rows = ROWS.copy()
    rows[3, 5] = np.nan
    scores = fitted().transform(rows)
    assert np.isnan(scores[3]).all()
    np.testing.assert_array_equal(np.delete(scores, 3, axis=0), np.delete(fitted().transform(ROWS), 3, axis=0))


def test_no_rows_have_no_scores():
    assert fitted().transform(ROWS[:0]).shape == (0, 5)


def test_components_beyond_the_rows_are_zero():
    pca = fitted(ROWS[:4], 6)
    assert (pca.variance[:3] > 0).all()
    assert not pca.components[3:].any()
    assert not pca.transform(ROWS)[:, 3:].any()


@pytest.mark.parametrize("count", [2, 3, 10])
def test_components_of_few_spectra_are_all_their_directions(count):
    rows = np.random.default_rng(5).normal(size=(count, 1200)).cumsum(axis=1)
    pca = PCA.fit(Moments.of(rows), 20)
    _, scale, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    few = count - 1
    np.testing.assert_allclose(pca.variance[:few], scale[:few] ** 2 / few, rtol=1e-9)
    turn = np.abs(np.sum(pca.components[:few] * directions[:few], axis=1))
    np.testing.assert_allclose(turn, 1, atol=1e-9)
    assert not pca.variance[few:].any()
    assert not pca.components[few:].any()
    np.testing.assert_allclose(pca.ratio.sum(), 1, rtol=1e-9)


def test_the_search_for_components_ends_with_the_directions_that_spectra_have(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "survey_batch.spectra.pca._largest", lambda matrix, few: asked.append(few) or _largest(matrix, few)
    )
    for count in (4, 30):
        PCA.fit(Moments.of(np.random.default_rng(5).normal(size=(count, 60))), 20)
    assert asked == [3, 20]


def test_what_is_saved_is_what_is_loaded(tmp_path):
    pca = fitted()
    pca.save(tmp_path / "pca.npz")
    loaded = PCA.load(tmp_path / "pca.npz")
    for name in ("mean", "components", "variance", "ratio"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(pca, name))


def test_a_file_that_is_no_pca_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=1)
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("no")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "other.npz").read_bytes()[:40])
    np.savez(tmp_path / "pickled.npz", mean=np.array([{}], object))
    for name in ("other", "text", "cut", "empty", "pickled", "absent"):
        with pytest.raises(ConfigurationError, match=name):
            PCA.load(tmp_path / f"{name}.npz")


def test_too_few_rows_are_refused():
    with pytest.raises(ConfigurationError, match="at least 2"):
        fitted(ROWS[:1])


def test_more_components_than_pixels_are_refused():
    with pytest.raises(ConfigurationError, match="30 pixels"):
        fitted(components=31)


def test_spectra_of_another_length_are_refused():
    with pytest.raises(ConfigurationError, match="30 pixels"):
        fitted().transform(ROWS[:, :20])
