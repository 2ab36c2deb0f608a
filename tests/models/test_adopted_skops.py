import numpy as np
import pytest
import skops.io

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_skops import AdoptedSkops
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Recipe

RANDOM = np.random.default_rng(4)
VALUE = RANDOM.normal(size=(60, 4)).astype("f4")
LABEL = np.array(["A", "F", "G"])[np.argmax(VALUE[:, :3], axis=1)]


def adopted(path, estimator, **keys):
    skops.io.dump(estimator, path)
    recipe = Recipe(
        product="features",
        variables=("value",),
        shape=(4,),
        dims={"value": ("feature",)},
        steps={"outputs": '["answer"]'},
    )
    manifest = Manifest(kind="adopted", variant="skops", recipe=recipe, **keys)
    model = AdoptedSkops(manifest, {}, AdoptedSkops.read_model(path))
    model.source = path
    return model


def test_a_forest_gives_its_own_probabilities_one_tree_after_another(tmp_path):
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    forest = make_pipeline(StandardScaler(), RandomForestClassifier(5, n_jobs=2, random_state=1)).fit(VALUE, LABEL)
    model = adopted(tmp_path / "m.skops", forest, classes=("A", "F", "G"))
    assert model.class_names(model.model) == ("A", "F", "G")
    assert model.model.get_params()["randomforestclassifier__n_jobs"] is None
    np.testing.assert_allclose(model.predict_proba({"value": VALUE}), forest.predict_proba(VALUE), atol=1e-6)
    model.save(tmp_path / "folder")
    loaded = load_classifier(tmp_path / "folder")
    np.testing.assert_array_equal(loaded.predict_proba({"value": VALUE}), model.predict_proba({"value": VALUE}))
    assert loaded.manifest.framework is None


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABEL.astype(object), ("A", "F", "G")),
        (np.arange(60) % 3 + 1, ("1", "2", "3")),
        (np.arange(60) % 2.0, ("0", "1")),
        (VALUE[:, 0] > 0, ("False", "True")),
        (np.column_stack([LABEL, LABEL]), ()),
        (np.column_stack([LABEL, np.arange(60) % 2]).astype(object), ()),
    ],
)
def test_classes_have_the_names_of_the_labels_trained_on_whatever_their_type(tmp_path, labels, names):
    from sklearn.tree import DecisionTreeClassifier

    skops.io.dump(DecisionTreeClassifier().fit(VALUE, labels), tmp_path / "m.skops")
    assert AdoptedSkops.class_names(AdoptedSkops.read_model(tmp_path / "m.skops")) == names


def test_what_is_no_estimator_is_refused(tmp_path):
    skops.io.dump({"a": 1}, tmp_path / "m.skops")
    with pytest.raises(ConfigurationError, match=r"m\.skops holds no estimator of scikit-learn, but a dict"):
        AdoptedSkops.read_model(tmp_path / "m.skops")


def test_a_regression_gives_values_and_a_gaussian_process_errors_too(tmp_path):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import Ridge

    target = VALUE @ np.array([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0], [0.0, 0.0]])
    two = {"outputs": "values", "quantities": (Quantity(name="z"), Quantity(name="teff", units="K"))}
    ridge = Ridge().fit(VALUE, target)
    answer = adopted(tmp_path / "r.skops", ridge, **two).predict_proba({"value": VALUE})
    np.testing.assert_allclose(answer, ridge.predict(VALUE), atol=1e-5)
    process = GaussianProcessRegressor(alpha=0.1).fit(VALUE[:20], target[:20, 0])
    one = {"outputs": "values", "quantities": (Quantity(name="z"),), "errors": True}
    answer = adopted(tmp_path / "g.skops", process, **one).predict_proba({"value": VALUE})
    np.testing.assert_allclose(answer, np.column_stack(process.predict(VALUE, return_std=True)), atol=1e-5)


def test_a_transformation_gives_an_embedding(tmp_path):
    from sklearn.decomposition import PCA

    pca = PCA(2).fit(VALUE)
    answer = adopted(tmp_path / "m.skops", pca, outputs="embedding", dimensions=2).predict_proba({"value": VALUE})
    np.testing.assert_allclose(answer, pca.transform(VALUE), atol=1e-5)


def test_an_estimator_without_probabilities_is_refused(tmp_path):
    from sklearn.svm import LinearSVC

    model = adopted(tmp_path / "m.skops", LinearSVC().fit(VALUE, LABEL), classes=("A", "F", "G"))
    with pytest.raises(ConfigurationError, match="LinearSVC has no predict_proba"):
        model.predict_proba({"value": VALUE})


class Own:
    """A class of the author's own."""


def test_types_that_are_not_scikit_learn_s_are_refused_by_name(tmp_path):
    skops.io.dump(Own(), tmp_path / "m.skops")
    with pytest.raises(ConfigurationError, match=r"holds types .*test_adopted_skops\.Own"):
        AdoptedSkops.read_model(tmp_path / "m.skops")
