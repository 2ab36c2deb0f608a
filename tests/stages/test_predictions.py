import json
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.models.artifact import sha256
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.models.recipe import Grid, Recipe, made_with
from survey_batch.spectra.features import feature_names
from survey_batch.stages import make_stage, predictions
from survey_batch.store.products import create_product
from tests.jobs import lamost_job, sdss_job

CUTOUTS = Recipe(product="cutouts", variables=("flux",), shape=(5, 64, 64), names={"band": tuple("ugriz")})
SPECTRA = Recipe(product="spectra", variables=("flux", "ivar"), shape=(40,), grid=Grid(first=36000, count=40))


@pytest.fixture
def folder(tmp_path):
    """Make a folder with the manifest of a classifier of some recipe; it has no weights."""

    def make(recipe: Recipe) -> dict[str, str]:
        manifest = Manifest(kind="table", variant="networks", classes=("a", "b"), recipe=recipe)
        (tmp_path / MANIFEST).write_text(json.dumps(manifest.model_dump(mode="json")))
        return {"classifier": str(tmp_path)}

    return make


def lamost(tmp_path, stages, predictions, **tables):
    archive = {"catalog": {"path": "c.csv"}, "archive": {"survey": "lamost", "root": "spectra"}}
    return lamost_job(archive, tmp_path / "out", stages=stages, predictions=predictions, **tables)


def table_recipe(tmp_path) -> Recipe:
    names = tuple(feature_names(lamost(tmp_path, ("spectra", "features"), None).spectral_features))
    return Recipe(product="features", variables=("value",), shape=(len(names),), names={"feature": names})


def test_the_manifest_says_what_is_read_and_its_settings_are_part_of_the_product(folder, tmp_path):
    job = lamost(tmp_path, ("spectra", "features", "predictions"), folder(table_recipe(tmp_path)))
    stage, features = make_stage(job, "predictions"), make_stage(job, "features")
    stage.check()
    assert (stage.upstream, stage.input_variables) == ("features", ("value",))
    assert features.settings().items() <= stage.settings().items()
    assert stage.settings().keys() - features.settings().keys() == {"predictions.classifier", "predictions.batch"}


def test_reading_the_manifest_imports_no_framework(folder, tmp_path):
    job = lamost(tmp_path, ("spectra", "features", "predictions"), folder(table_recipe(tmp_path)))
    code = (
        "import sys\nfrom survey_batch.config.job import Job\nfrom survey_batch.stages import make_stage\n"
        "stage = make_stage(Job.model_validate_json(sys.argv[1]), 'predictions')\n"
        "stage.check(), stage.settings(), stage.upstream, stage.input_variables\n"
        "assert not {'keras', 'tensorflow', 'jax', 'torch', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, job.model_dump_json()], check=True)


def test_a_job_that_does_not_make_the_product_is_told_what_to_add(folder, tmp_path):
    job = lamost(tmp_path, ("spectra", "predictions"), folder(table_recipe(tmp_path)))
    with pytest.raises(ConfigurationError, match="product 'features'.*add 'features' to stages, before 'predictions'"):
        make_stage(job, "predictions").check()


def test_a_classifier_of_another_survey_is_refused(folder, tmp_path):
    job = lamost(tmp_path, ("spectra", "predictions"), folder(CUTOUTS))
    with pytest.raises(ConfigurationError, match="product 'cutouts'.*survey 'lamost'.*choose another classifier"):
        make_stage(job, "predictions").check()


def test_features_of_another_recipe_are_refused(folder, tmp_path):
    predictions = folder(table_recipe(tmp_path))
    job = lamost(
        tmp_path, ("spectra", "features", "predictions"), predictions, spectral_features={"blocks": 6, "components": 3}
    )
    with pytest.raises(PlanMismatchError, match="is 'block_005_mean' and was 'component_000'"):
        make_stage(job, "predictions").check()


def test_a_product_made_with_other_settings_is_refused(folder, tmp_path):
    plain = lamost(tmp_path, ("spectra", "features"), None)
    recipe = table_recipe(tmp_path).model_copy(update={"made": made_with(make_stage(plain, "features").settings())})
    stages = ("spectra", "features", "predictions")
    make_stage(lamost(tmp_path, stages, folder(recipe)), "predictions").check()
    smoothed = {"blocks": 5, "components": 3, "smoothing_window": 5}
    other = lamost(tmp_path, stages, folder(recipe), spectral_features=smoothed)
    with pytest.raises(PlanMismatchError, match="smoothing_window is 5 and was 1"):
        make_stage(other, "predictions").check()


def test_a_stored_product_that_another_version_made_is_refused(folder, tmp_path, tmp_path_factory):
    job = lamost(
        tmp_path_factory.mktemp("output"), ("spectra", "features", "predictions"), folder(table_recipe(tmp_path))
    )
    names = np.array(feature_names(job.spectral_features))
    schema = make_stage(job, "features").schema(3, {"feature": (("feature",), names[::-1], {})})
    create_product(job.output, schema, {"provenance": {}})
    with pytest.raises(PlanMismatchError, match="feature names of features are not those"):
        make_stage(job, "predictions").check()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"frames": {"bands": "ugr"}}, "number 3 is None and was 'i'"),
        ({"cutouts": {"size": 32}}, r"not \(5, 32, 32\)"),
    ],
)
def test_cutouts_of_other_bands_or_size_are_refused(folder, tmp_path, tables, message):
    stages = ["frames", "cutouts", "predictions"]
    keys = {"stages": stages, "predictions": folder(CUTOUTS)}
    make_stage(sdss_job("c.csv", "frames", tmp_path / "out", **keys), "predictions").check()
    with pytest.raises(PlanMismatchError, match=message):
        make_stage(sdss_job("c.csv", "frames", tmp_path / "out", **keys, **tables), "predictions").check()


def test_spectra_on_another_grid_are_refused(folder, tmp_path):
    job = lamost(tmp_path, ("spectra", "predictions"), folder(SPECTRA))
    with pytest.raises(PlanMismatchError, match="wavelengths"):
        make_stage(job, "predictions").check()


class Decided:
    """A classifier whose probabilities are given; the third object cannot be classified."""

    classes = ("a", "b")
    why_not = "nothing to go by"

    def predict_prepared(self, prepared, batch, place):
        return np.array([[0.95, 0.05], [0.4, 0.6], [np.nan, np.nan], [0.3, 0.7]], np.float32)


def computed(folder, tmp_path, monkeypatch, **predictions):
    monkeypatch.setattr("survey_batch.stages.predictions.load_classifier", lambda *_: Decided())
    keys = {**folder(table_recipe(tmp_path)), **predictions}
    stage = make_stage(lamost(tmp_path, ("spectra", "features", "predictions"), keys), "predictions")
    return stage, stage.compute({"ra": np.zeros(4), "index_in_shard": np.arange(4)}, {})


def test_below_the_threshold_the_class_is_empty_and_all_else_stays(folder, tmp_path, monkeypatch):
    stage, block = computed(folder, tmp_path, monkeypatch, threshold=0.7)
    assert block.data["predicted_class"].tolist() == ["a", "", "", "b"]
    assert block.status.tolist() == [Status.OK, Status.OK, Status.UNREADABLE, Status.OK]
    np.testing.assert_array_equal(block.data["confidence"], np.array([0.95, 0.6, np.nan, 0.7], np.float32))
    assert [problem.message for problem in block.problems] == ["nothing to go by"]
    (named,) = (variable for variable in stage.variables() if variable.name == "predicted_class")
    assert "below 0.7" in named.attrs["comment"]


def test_without_a_threshold_every_classified_object_has_a_class(folder, tmp_path, monkeypatch):
    _, block = computed(folder, tmp_path, monkeypatch)
    assert block.data["predicted_class"].tolist() == ["a", "b", "", "b"]


def test_the_threshold_is_a_setting_of_the_product_where_there_is_one(folder, tmp_path, monkeypatch):
    plain, _ = computed(folder, tmp_path, monkeypatch)
    strict, _ = computed(folder, tmp_path, monkeypatch, threshold=0.7)
    assert strict.settings() == {**plain.settings(), "predictions.threshold": 0.7}


def test_the_product_says_whose_predictions_it_holds(folder, tmp_path, monkeypatch):
    stage, _ = computed(folder, tmp_path, monkeypatch)
    about = json.loads(stage.schema(1).attrs["classifier"])
    assert (about["kind"], about["classes"]) == ("table", ["a", "b"])
    assert "files" not in about


def test_scores_along_other_components_than_those_trained_on_are_refused(folder, tmp_path, monkeypatch):
    recipe = table_recipe(tmp_path).model_copy(update={"basis": "trained on"})
    job = lamost(tmp_path, ("spectra", "features", "predictions"), folder(recipe))
    for found, refused in (("trained on", False), (None, False), ("another", True)):
        monkeypatch.setattr(
            "survey_batch.stages.spectral_features.SpectralFeaturesStage.basis", lambda _, found=found: found
        )
        with pytest.raises(PlanMismatchError, match=r"features\.basis") if refused else nullcontext():
            make_stage(job, "predictions").check()


def test_half_precision_is_a_setting_of_the_product_and_for_networks_alone(folder, tmp_path):
    keys = folder(table_recipe(tmp_path))
    plain = make_stage(lamost(tmp_path, ("spectra", "features", "predictions"), keys), "predictions")
    assert "predictions.precision" not in plain.settings()
    half = {**keys, "precision": "mixed_bfloat16"}
    stage = make_stage(lamost(tmp_path, ("spectra", "features", "predictions"), half), "predictions")
    assert stage.settings()["predictions.precision"] == "mixed_bfloat16"
    with pytest.raises(ConfigurationError, match="is for networks"):
        stage.check()


def test_the_precision_of_an_onnx_file_is_its_own(folder, tmp_path):
    keys = folder(table_recipe(tmp_path))
    (tmp_path / "network.onnx").write_bytes(b"a network")
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["files"] = {"network.onnx": sha256(tmp_path / "network.onnx")}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    for own, advice in (({"precision": "mixed_float16"}, "key, or export"), ({"engine": "openvino"}, "key$")):
        job = lamost(tmp_path, ("spectra", "features", "predictions"), {**keys, **own})
        with pytest.raises(ConfigurationError, match=f"predictions.{next(iter(own))} does not change.*{advice}"):
            make_stage(job, "predictions").check()


def test_an_engine_is_a_setting_of_the_product_and_for_networks_on_cpus_alone(folder, tmp_path, monkeypatch):
    stages, keys = ("spectra", "features", "predictions"), folder(table_recipe(tmp_path))
    assert "predictions.engine" not in make_stage(lamost(tmp_path, stages, keys), "predictions").settings()
    other = {**keys, "engine": "openvino"}
    stage = make_stage(lamost(tmp_path, stages, other), "predictions")
    assert stage.settings()["predictions.engine"] == "openvino"
    with pytest.raises(ConfigurationError, match="is for networks"):
        stage.check()
    monkeypatch.setattr(Manifest, "framework", "keras")
    monkeypatch.setattr("survey_batch.models.engines.installed.find_spec", {"onnx": 1}.get)
    with pytest.raises(ConfigurationError, match="needs openvino"):
        stage.check()
    monkeypatch.undo()
    monkeypatch.setattr(Manifest, "framework", "keras")
    monkeypatch.setattr("survey_batch.models.engines.installed.find_spec", lambda _: True)
    stage.check()
    on_gpus = lamost(tmp_path, stages, other, cluster={"gpu": {"gres": "gpu:1"}})
    with pytest.raises(ConfigurationError, match="computes on the CPU"):
        make_stage(on_gpus, "predictions").check()


@pytest.mark.parametrize(
    ("kind", "counted", "unknown"),
    [
        ({"seconds": {"networks": 2e-3}}, 0.2, ""),
        (
            {"seconds": {}, "trained_here": True},
            0.0,
            "networks of kind table) takes for an object (run some, with",
        ),
        ({"seconds": {}, "trained_here": False}, 0.0, "takes for an object, which depends on the model (run some"),
    ],
)
def test_a_time_that_was_measured_is_counted_and_any_other_said_to_be_unknown(
    folder, tmp_path, monkeypatch, kind, counted, unknown
):
    job = lamost(tmp_path, ("spectra", "features", "predictions"), folder(table_recipe(tmp_path)))
    monkeypatch.setattr(predictions, "classifier_kind", lambda _: SimpleNamespace(**{"trained_here": True} | kind))
    cost = make_stage(job, "predictions").cost(SimpleNamespace(size=lambda _: 100))
    assert cost.cpu_seconds == pytest.approx(counted)
    assert unknown in cost.unknown
    assert bool(cost.unknown) is bool(unknown)


def test_the_time_grows_with_the_pixels_of_the_spectra(folder, tmp_path):
    times = []
    for step in (1e-4, 2e-5):
        job = lamost(tmp_path, ("spectra", "predictions"), folder(SPECTRA), spectra={"step": step})
        times.append(make_stage(job, "predictions").cost(SimpleNamespace(size=lambda _: 100)).cpu_seconds)
    assert times[1] == pytest.approx(5 * times[0], rel=1e-3)


def test_a_classifier_of_another_step_is_refused_with_its_grid(folder, tmp_path):
    fine = SPECTRA.model_copy(update={"grid": Grid(first=180000, count=40, step=2e-5)})
    job = lamost(tmp_path, ("spectra", "predictions"), folder(fine), spectra={"wavelength_min": 3981.0})
    with pytest.raises(
        PlanMismatchError, match=r"2e-05 dex\); set wavelength_min = 3981.0, wavelength_max = 3988.3 and step"
    ):
        make_stage(job, "predictions").check()


@pytest.mark.parametrize("kind", plugins.offered(plugins.CLASSIFIERS))
def test_times_are_those_of_variants_that_there_are(kind):
    known = classifier_kind(kind)
    assert set(known.seconds) <= set(known.variants)
    assert all(0 < seconds < 10 for seconds in known.seconds.values())
