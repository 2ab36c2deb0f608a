import json
from typing import ClassVar

import numpy as np
import pytest

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models import sklearn_family
from survey_batch.models.artifact import sha256
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import MANIFEST
from survey_batch.models.recipe import Recipe
from survey_batch.models.sklearn_family import SklearnClassifier
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.conftest import labelled

MODEL = SklearnClassifier.model_file
LABELS = np.repeat(["a", "b", "c"], 20)
SECTION = TrainingSection(classifier="-", kind="toy", variant="nearest")


class Toy(SklearnClassifier[TrainingSection]):
    kind: ClassVar[str] = "toy"
    variant: ClassVar[str] = "nearest"
    product: ClassVar[str] = "features"
    variables: ClassVar[tuple[str, ...]] = ("value",)
    why_not: ClassVar[str] = "not finite"

    @classmethod
    def recipe_of(cls, data, section):  # noqa: ARG003
        return Recipe(product="features", variables=("value",), shape=data.shapes["value"])

    def prepare(self, block):
        return np.nan_to_num(block["value"])

    def estimator(self, section):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        return make_pipeline(StandardScaler(), LogisticRegression(random_state=self.manifest.seed))


def rows(seed):
    centres = np.repeat(np.eye(3, 4), 20, axis=0)
    return {"value": (3 * centres + np.random.default_rng(seed).normal(size=(60, 4))).astype(np.float32)}


@pytest.fixture(scope="module")
def fitted():
    return Toy.fit(labelled(rows(1), LABELS), SECTION)


def test_new_rows_are_classified_and_unusable_ones_are_not(fitted):
    block = rows(2)
    block["value"][0, 0] = np.nan
    probability = fitted.predict_proba(block)
    assert np.isnan(probability[0]).all()
    assert np.mean(np.array(fitted.classes)[probability[1:].argmax(axis=1)] == LABELS[1:]) > 0.8, "chance is 0.33"


def test_a_class_that_no_training_row_has_is_never_predicted():
    fitted = Toy.fit(labelled(rows(1), LABELS), SECTION, classes=("a", "b", "never", "c"))
    probability = fitted.predict_proba(rows(2))
    assert probability[:, 2].max() < 1e-6
    assert (probability[:, 3] > 0.5).sum() > 10


@pytest.mark.bits
def test_rows_answer_for_themselves(fitted):
    assert_rows_answer_for_themselves(fitted, rows(3), [0, 15, 16, 59], batch=16)


def test_a_saved_model_gives_the_same_probabilities(fitted, tmp_path):
    fitted.save(tmp_path)
    loaded = Toy.read_parts(tmp_path, fitted.manifest)
    np.testing.assert_array_equal(loaded.predict_proba(rows(4)), fitted.predict_proba(rows(4)))


def test_a_model_that_holds_other_types_is_refused(fitted, tmp_path):
    import skops.io

    skops.io.dump({"model": np.ufunc, "code": sklearn_family.Path}, tmp_path / MODEL)
    with pytest.raises(ConfigurationError, match=r"holds types .*Path.*do not use it"):
        Toy.read_parts(tmp_path, fitted.manifest)


def test_a_model_that_knows_more_classes_than_its_manifest_is_refused(fitted, tmp_path):
    fitted.save(tmp_path)
    manifest = fitted.manifest.model_copy(update={"classes": ("a", "b")})
    with pytest.raises(ConfigurationError, match=f"{MODEL} knows classes number 0 to 2 of 2: the manifest does not"):
        Toy.read_parts(tmp_path, manifest)


def test_a_damaged_model_is_refused(fitted, tmp_path):
    (tmp_path / MODEL).write_bytes(b"no archive")
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        Toy.read_parts(tmp_path, fitted.manifest)


def test_a_model_of_another_scikit_learn_is_refused(fitted, tmp_path, monkeypatch):
    from survey_batch.models import artifact

    monkeypatch.setattr(artifact, "_check_known", lambda *_: None)
    fitted.save(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["files"] == {MODEL: sha256(tmp_path / MODEL)}
    manifest["versions"]["scikit-learn"] = "1.2.2"
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigurationError, match=r"scikit-learn 1\.2\.2.*install scikit-learn 1\.2, or train again"):
        load_classifier(tmp_path)


class Forest(Toy):
    def estimator(self, section):
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(2, random_state=self.manifest.seed)


def test_a_model_that_could_not_be_read_again_is_not_kept_and_its_author_is_told_what_to_list(tmp_path):
    with pytest.raises(ConfigurationError, match=r"add to Forest: trusted = \('sklearn\.tree\._tree\.Tree',\)"):
        Forest.fit(labelled(rows(1), LABELS), SECTION).save(tmp_path)
