"""Trees of scikit-learn answer as an ONNX file as they do themselves, also about rows with missing values."""

import json

import numpy as np
import pytest
import skops.io

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_onnx import AdoptedOnnx
from survey_batch.models.adopted_skops import AdoptedSkops
from survey_batch.models.engines.onnx_model import onnx_model
from survey_batch.models.engines.trees import rounded_down, trees_graph
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe
from survey_batch.models.spectral_forest import SpectralForest
from tests.models.conftest import labelled, make_block

onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")

RANDOM = np.random.default_rng(5)
FEATURES = np.where(RANDOM.random((300, 4)) < 0.1, np.nan, 17 + 3 * RANDOM.normal(size=(300, 4))).astype("f4")
KNOWN = np.nan_to_num(FEATURES[:, :3])
NAME = np.array(["A", "F", "G"])[KNOWN.argmax(axis=1)]
TWO = np.where(KNOWN[:, 0] > 17, "F", "A")
NUMBER = 1000 + 10 * KNOWN[:, 0]
OTHERS = np.where(RANDOM.random((200, 4)) < 0.2, np.nan, 17 + 4 * RANDOM.normal(size=(200, 4))).astype("f4")


def adopted(family, path, outputs, steps, **keys):
    recipe = Recipe(
        product="features",
        variables=("value",),
        shape=(4,),
        dims={"value": ("feature",)},
        steps={"outputs": json.dumps([outputs]), **steps},
    )
    made = {"outputs": "values", "quantities": (Quantity(name="mass"),)} if "classes" not in keys else {}
    manifest = Manifest(kind="adopted", variant=family.variant, recipe=recipe, **made, **keys)
    model = family(manifest, {}, family.read_model(path))
    model.source = path
    return model


def both(folder, estimator, steps, **keys):
    """A model, and what becomes of it that is exported and adopted again."""
    skops.io.dump(estimator, folder / "model.skops")
    ours = adopted(AdoptedSkops, folder / "model.skops", "answer", steps, **keys)
    (folder / "model.onnx").write_bytes(onnx_model(ours))
    name = "probability" if keys else "value"
    return ours, adopted(AdoptedOnnx, folder / "model.onnx", name, steps, **keys)


def estimators():
    from sklearn.ensemble import (
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.tree import DecisionTreeClassifier

    few = {"max_iter": 5, "early_stopping": False}
    yield RandomForestClassifier(8, random_state=1, class_weight="balanced"), NAME
    yield ExtraTreesClassifier(8, random_state=1, min_samples_leaf=3), TWO
    yield DecisionTreeClassifier(random_state=1, max_depth=4), NAME
    yield HistGradientBoostingClassifier(**few), NAME
    yield HistGradientBoostingClassifier(**few), TWO
    yield RandomForestRegressor(8, random_state=1), NUMBER
    yield ExtraTreesRegressor(8, random_state=1), NUMBER
    yield HistGradientBoostingRegressor(**few), NUMBER
    yield HistGradientBoostingRegressor(**few, loss="gamma"), NUMBER


@pytest.mark.parametrize(
    ("estimator", "target"), [pytest.param(*one, id=type(one[0]).__name__) for one in estimators()]
)
@pytest.mark.parametrize("fitted_to", ["rows with NaN", "whole rows"])
def test_an_exported_model_that_is_adopted_again_answers_the_same(tmp_path, estimator, target, fitted_to):
    rows = np.isfinite(FEATURES).all(axis=1) | (fitted_to == "rows with NaN")
    estimator.fit(FEATURES[rows], target[rows])
    classes = {"classes": tuple(np.unique(target).tolist())} if target.dtype.kind == "U" else {}
    ours, theirs = both(tmp_path, estimator, {"1": "nan:keep"}, **classes)
    block = {"value": OTHERS}
    expected = ours.predict_proba(block)
    assert np.isfinite(expected[np.isfinite(OTHERS).any(axis=1)]).all()
    np.testing.assert_allclose(theirs.predict_proba(block), expected, rtol=1e-5, atol=1e-5)
    plain = estimator.predict_proba(OTHERS) if classes else estimator.predict(OTHERS)[:, None]
    some = np.isfinite(OTHERS).any(axis=1)
    np.testing.assert_allclose(expected[some], plain[some], rtol=1e-5)


def test_a_value_at_a_threshold_takes_the_same_branch():
    threshold = np.array([1 + 1e-12, 1 - 1e-12, 0.1, -0.1, 1.0, 0.0, 1e-60, -1e-60])
    near = rounded_down(threshold)
    for candidate in (np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))):
        np.testing.assert_array_equal(candidate <= near, candidate.astype(np.float64) <= threshold)


def test_a_forest_of_spectra_has_its_temperature_its_rule_and_a_class_without_rows(labels, wavelength):
    from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining

    section = SpectralTypeTraining(classifier="-", variant="forest", trees=4)
    forest = SpectralForest.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)
    forest.manifest = forest.manifest.model_copy(update={"temperature": 1.7})
    prepared = forest.prepared(make_block(labels, 2, noise=0.3))
    prepared["helium"] = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)[np.arange(len(labels)) % 4]
    file = onnx_model(forest)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    given = {port.name: prepared[port.name].astype(np.float32) for port in session.get_inputs()}
    assert sorted(given) == ["helium", "inputs"]
    (probability,) = session.run(["probability"], given)
    np.testing.assert_allclose(probability, forest.predict_prepared(prepared), atol=1e-5)
    about = {part.key: part.value for part in onnx.load_from_string(file).metadata_props}
    assert len(json.loads(about["survey_batch.classes"])) == probability.shape[1] > len(np.unique(labels))
    assert about["survey_batch.temperature"] == "1.7"
    assert json.loads(about["survey_batch.recipe"])["steps"]["method"] == "smoothed-relative-bins"


def test_other_models_of_scikit_learn_are_refused_with_the_way_to_export_them(tmp_path):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(ConfigurationError, match=r"is a LogisticRegression.*skl2onnx.*adopt"):
        both(tmp_path, LogisticRegression().fit(KNOWN[:, [0, 1, 2, 0]], NAME), {}, classes=("A", "F", "G"))


def test_splits_by_categories_and_several_labels_are_refused():
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

    kinds = np.column_stack([np.arange(300) % 3, KNOWN]).astype("f4")
    boosted = HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]).fit(kinds, np.arange(300) % 3)
    with pytest.raises(ConfigurationError, match="splits by categories"):
        trees_graph(boosted)
    forest = RandomForestClassifier(2).fit(kinds, np.column_stack([NAME, TWO]))
    with pytest.raises(ConfigurationError, match="has 2 labels"):
        trees_graph(forest)
