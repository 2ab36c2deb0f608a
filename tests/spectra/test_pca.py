import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA as REFERENCE

from survey_batch.errors import ConfigurationError
from survey_batch.spectra.pca import PCA, Moments

ROWS = np.random.default_rng(2).normal(1, 1, (90, 30)) @ np.diag(np.linspace(3, 0.1, 30))


def fitted(rows=ROWS, components=5):
    return PCA.fit(Moments.empty(rows.shape[1]).add(rows), components)


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


@given(st.lists(st.integers(0, 90), max_size=6))
@settings(max_examples=20, deadline=None)
def test_moments_of_parts_merge_to_those_of_the_whole(cuts):
    merged = Moments.empty(30)
    for part in np.split(ROWS, sorted(cuts)):
        merged.merge(Moments.empty(30).add(part))
    whole = Moments.empty(30).add(ROWS)
    assert merged.count == whole.count
    np.testing.assert_allclose(merged.total, whole.total, rtol=1e-12)
    np.testing.assert_allclose(merged.outer, whole.outer, rtol=1e-10)


def test_rows_that_are_not_finite_are_left_out():
    dirty = np.insert(ROWS, [10, 50], np.nan, axis=0)
    np.testing.assert_allclose(fitted(dirty).components, fitted().components, atol=1e-12)


def test_scores_of_a_row_do_not_depend_on_the_others():
    pca = fitted()
    together = pca.transform(ROWS)
    for i in range(len(ROWS)):
        np.testing.assert_array_equal(pca.transform(ROWS[i : i + 1])[0], together[i])


def test_components_beyond_the_rows_are_zero():
    pca = fitted(ROWS[:4], 6)
    assert (pca.variance[:3] > 0).all()
    assert not pca.components[3:].any()
    assert not pca.transform(ROWS)[:, 3:].any()


def test_what_is_saved_is_what_is_loaded(tmp_path):
    pca = fitted()
    pca.save(tmp_path / "pca.npz")
    loaded = PCA.load(tmp_path / "pca.npz")
    for name in ("mean", "components", "variance"):
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
