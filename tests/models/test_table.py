from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.config.sections.train_table import TableTraining
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.models.loading import load_classifier
from survey_batch.models.scores import describe
from survey_batch.models.table import TableClassifier, chosen, robust_scale
from survey_batch.training.evaluation import evaluate
from survey_batch.training.train import train
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.conftest import labelled
from tests.models.features import NAMES, features_job, make_table, write_features

LABELS = np.tile(np.array(["GALAXY", "QSO", "STAR"]), 30)


def recipe_of(patterns=("*",), names=NAMES):
    return TableClassifier.recipe_of(table(names), TableTraining(classifier="-", features=patterns))


def table(names=NAMES, block=None):
    return labelled(block or make_table(LABELS, 1), LABELS, feature=np.array(names))


def fit(patterns=("*",), epochs=20, members=2, seed=3):
    section = TableTraining(classifier="-", features=patterns, epochs=epochs, members=members, seed=seed)
    return TableClassifier.fit(table(), section)


def small(variant):
    return fit(epochs=2), make_table(LABELS[:12], 2)


@pytest.fixture(scope="module")
def fitted():
    return fit()


def test_new_rows_are_classified_much_better_than_by_chance(fitted):
    probability = fitted.predict_proba(make_table(LABELS, 2))
    right = np.array(fitted.classes)[probability.argmax(axis=1)] == LABELS
    assert right.mean() > 0.8, "chance is 0.33"
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)


@pytest.mark.bits
def test_rows_answer_for_themselves(fitted):
    assert_rows_answer_for_themselves(fitted, make_table(LABELS, 5), [0, 1, 31, 32, 89], batch=32)


def test_each_row_is_prepared_by_itself(fitted):
    block = make_table(LABELS, 5)
    together = fitted.prepare(block)
    for row in range(9):
        np.testing.assert_array_equal(fitted.prepare({"value": block["value"][row : row + 1]})[0], together[row])


def test_constant_and_empty_features_are_no_input_and_missing_ones_have_a_column(fitted):
    assert [NAMES[column] for column in fitted.arrays["column"]] == list(NAMES[:4])
    assert [NAMES[column] for column in fitted.arrays["flagged"]] == ["colour_gr"]
    assert fitted.prepare(make_table(LABELS, 1)).shape == (len(LABELS), 5, 1)


def test_a_missing_feature_is_the_median_and_is_flagged(fitted):
    block = make_table(LABELS[:1], 1)
    block["value"][0, 1] = np.inf
    assert fitted.prepare(block)[0, [1, 4], 0].tolist() == [0, 1]
    block["value"][0, 1] = fitted.arrays["median"][1]
    np.testing.assert_allclose(fitted.prepare(block)[0, [1, 4], 0], [0, 0], atol=1e-6)


def test_rows_without_any_chosen_feature_have_no_probabilities_and_change_no_other(fitted):
    block = make_table(LABELS[:4], 7)
    whole = fitted.predict_proba(block, batch=8)
    block["value"][2] = np.nan
    probability = fitted.predict_proba(block, batch=8)
    assert np.isnan(probability[2]).all()
    np.testing.assert_array_equal(probability[[0, 1, 3]], whole[[0, 1, 3]])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(width=32), min_size=len(NAMES), max_size=len(NAMES)))
def test_whatever_the_values_the_input_is_finite_and_bounded(fitted, values):
    prepared = fitted.prepare({"value": np.array([values], np.float32)})
    assert np.abs(prepared).max() <= 5


def test_the_standardisation_does_not_know_the_rows_left_out():
    block = make_table(LABELS, 1)
    outlier = {"value": block["value"].copy()}
    outlier["value"][0] = 1e20
    rest, section = np.arange(1, len(LABELS)), TableTraining(classifier="-")
    drafts = [TableClassifier.prepare_fit(table(block=one).take(rest), section, None, 1)[0] for one in (outlier, block)]
    np.testing.assert_array_equal(drafts[0].arrays["median"], drafts[1].arrays["median"])


def test_the_scatter_is_that_of_a_normal_distribution_whatever_the_outliers():
    values = np.random.default_rng(1).normal(4, 2, (4000, 1))
    values[:200] = 1e9
    values[200:400] = np.nan
    median, scatter = robust_scale(values)
    assert median[0] == pytest.approx(4, abs=0.3)
    assert scatter[0] == pytest.approx(2, rel=0.15)


def test_a_feature_that_is_mostly_one_value_is_scaled_by_its_standard_deviation():
    values = np.zeros((100, 1))
    values[:10] = 3
    assert robust_scale(values)[1] == pytest.approx(values.std())


def test_patterns_choose_features_in_the_order_of_the_product():
    assert chosen(NAMES, ["psf_*", "colour_?g"]).tolist() == [0, 2, 3]
    with pytest.raises(ConfigurationError, match=r"'line_\*' matches none of 6 names, such as \['colour_ug'"):
        recipe_of(("line_*",))


def test_only_chosen_features_matter():
    fitted = fit(("colour_*",), epochs=2, members=1)
    block = make_table(LABELS, 3)
    before = fitted.predict_proba(block)
    block["value"][:, 2:] = 7
    np.testing.assert_array_equal(fitted.predict_proba(block), before)


def test_features_that_never_vary_are_refused():
    with pytest.raises(ConfigurationError, match="the same in all training rows"):
        fit(("zero",), epochs=1)


def test_other_feature_names_are_refused(fitted):
    fitted.recipe.check_product({"feature": np.array(NAMES)})
    swapped = np.array(NAMES)[[1, 0, 2, 3, 4, 5]]
    with pytest.raises(PlanMismatchError, match="number 0 is 'colour_gr' and was 'colour_ug'"):
        fitted.recipe.check_product({"feature": swapped})
    with pytest.raises(PlanMismatchError, match="number 5 is None and was 'never' \\(5 there, 6 in training"):
        fitted.recipe.check_product({"feature": np.array(NAMES[:5])})


def test_a_saved_classifier_gives_the_same_probabilities(fitted, tmp_path):
    fitted.save(tmp_path)
    block = make_table(LABELS, 4)
    loaded = load_classifier(tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(block), fitted.predict_proba(block))
    assert loaded.recipe.names["feature"] == NAMES
    assert set(loaded.manifest.files) == {"network.keras", "preprocessing.npz"}


def test_altered_arrays_are_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    np.savez(tmp_path / "preprocessing.npz", **{**fitted.arrays, "median": fitted.arrays["median"] + 1})
    with pytest.raises(ConfigurationError, match="not the file that was saved"):
        load_classifier(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    job = features_job(tmp_path_factory.mktemp("table"), folds=2)
    write_features(job, np.where(np.arange(90) == 8, "", LABELS))
    return job, train(job)


def test_training_on_a_product_of_any_survey_scores_beside_trees(done):
    _, scores = done
    assert scores["classes"] == ["GALAXY", "QSO", "STAR"]
    assert scores["test"]["classifier"]["accuracy"] > 0.6, "chance is 0.33"
    assert scores["test"]["boosted_trees"]["objects"] == scores["test"]["classifier"]["objects"]
    assert scores["cross_validation"]["not_classified"] == 1
    assert "boosted_trees" in describe(scores)


def test_evaluating_gives_the_figures_of_training(done):
    job, scores = done
    again = evaluate(job)
    assert again["test"]["classifier"]["confusion"] == scores["test"]["classifier"]["confusion"]


def test_evaluating_on_other_features_is_refused(done, tmp_path):
    job, _ = done
    other = features_job(tmp_path, classifier=job.train.classifier)
    write_features(other, LABELS, (*NAMES[:-1], "new"))
    with pytest.raises(PlanMismatchError, match="number 5 is 'new' and was 'never'"):
        evaluate(other)


def test_a_label_that_only_the_test_has_is_left_out(tmp_path, caplog):
    job = features_job(tmp_path, epochs=1, members=1)
    labels = LABELS.astype(object)
    write_features(job, labels)
    import zarr

    zarr.open_group(f"{job.output}/features.zarr", mode="r+")["label"][8] = "BOGUS"
    assert "BOGUS" not in train(job)["classes"]
    assert "1 object of other classes left out" in caplog.text


def test_only_a_classifier_that_uses_scores_is_bound_to_their_components():
    names = ("colour_ug", "component_000")

    def basis(*patterns):
        data = replace(table(names), basis="those")
        return TableClassifier.recipe_of(data, TableTraining(classifier="-", features=patterns)).basis

    assert (basis("colour_*"), basis("*")) == (None, "those")
