"""Adoption of tiny models for the spectra of an output that no run made."""

import json

import numpy as np
import pytest
import zarr
from scipy.special import softmax

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.models.artifact import read_manifest
from survey_batch.models.loading import load_classifier
from survey_batch.models.recipe import made_with
from survey_batch.stages import make_stage
from survey_batch.training.evaluation import evaluate
from tests.models.onnx_models import linear
from tests.report.outputs import SHARD, make_spectra, spectra_job

RANDOM = np.random.default_rng(2)
READY = ("mask", "normalise:median", "nan:zero")
CLASSES = "classes:A,G,M"


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return made_job(tmp_path_factory.mktemp("adoption") / "out")


def made_job(output, **coordinates):
    job = spectra_job(str(output), ("spectra",))
    make_spectra(job, **coordinates)
    settings = json.dumps(make_stage(job, "spectra").settings())
    zarr.open_group(f"{job.output}/spectra.zarr", mode="r+").attrs["provenance"] = settings
    return job


@pytest.fixture(scope="module")
def spectra(job):
    return sb.open_product(job, "spectra")


@pytest.fixture(scope="module")
def weights(spectra):
    return RANDOM.normal(size=(spectra.sizes["wavelength"], 3), scale=0.05).astype("f4")


def normalised(spectra):
    flux = np.where(spectra.mask.values == 0, spectra.flux.values, np.nan)
    return np.nan_to_num(flux / np.nanmedian(flux, axis=1, keepdims=True))


def test_a_model_of_logits_predicts_lazily_as_by_hand(job, spectra, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights, shape=(1, len(weights)))
    steps = (*READY, "channels:first")
    made = sb.adopt(net, job, "spectra", CLASSES, tmp_path / "model", preprocess=steps, logits=True)
    assert made.input_shapes == {"x": [1, len(weights)]}
    assert made.steps == ["mask", "take:flux", *steps[1:]], "ivar and mask are read, and not handed to the model"
    assert len(made.rows) == 10
    assert made.rows[0]["label"] == "A"
    expected = softmax(normalised(spectra) @ weights, axis=1)
    best = expected[0].argmax()
    assert made.rows[0]["answer"] == f"{'AGM'[best]} {expected[0, best]:.2f}"
    answer = sb.predict(spectra, tmp_path / "model")
    np.testing.assert_allclose(answer.probability.values, expected, atol=1e-6)
    assert answer.attrs["made_with"]


def test_the_recipe_says_how_the_product_was_made_and_the_manifest_where_the_model_came_from(job, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights, softmax=True)
    sb.adopt(net, job, "spectra", CLASSES, tmp_path / "model", preprocess=READY)
    manifest = read_manifest(tmp_path / "model")
    recipe = manifest.recipe
    assert recipe.grid.count == len(weights)
    assert recipe.dims == dict.fromkeys(("flux", "ivar", "mask"), ("wavelength",))
    origin = manifest.training["adopted"]
    assert origin["file"] == "net.onnx"
    assert origin["inputs"] == {"x": {"shape": [len(weights)], "dtype": "float32"}}
    assert list(manifest.files) == ["network.onnx"]
    assert recipe.made == made_with(make_stage(job, "spectra").settings())


def test_a_product_made_otherwise_is_refused(job, spectra, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights, softmax=True)
    sb.adopt(net, job, "spectra", CLASSES, tmp_path / "model", preprocess=READY)
    with pytest.raises(PlanMismatchError, match="the product's wavelengths"):
        sb.predict(spectra.isel(wavelength=slice(0, 100)), tmp_path / "model", unchecked=True)
    other = json.dumps({**json.loads(spectra.attrs["made_with"]), "spectra.wavelength_max": 6999.0})
    with pytest.raises(PlanMismatchError, match=r"spectra\.wavelength_max is 6999\.0 and was 7000\.0"):
        sb.predict(spectra.drop_vars("made_with").assign_attrs(made_with=other), tmp_path / "model")


def test_an_adopted_classifier_is_scored_on_labelled_objects(job, weights, tmp_path):
    sb.adopt(
        linear(tmp_path / "n.onnx", weights, softmax=True), job, "spectra", CLASSES, tmp_path / "m", preprocess=READY
    )
    named = job.model_copy(
        update={"predictions": job.predictions.model_copy(update={"classifier": str(tmp_path / "m")})}
    )
    scores = evaluate(named)
    assert scores["test"]["classifier"]["objects"] == 8


def embedding(job, weights, folder):
    """The job with an adopted model that answers with an embedding."""
    sb.adopt(linear(folder / "e.onnx", weights), job, "spectra", "embedding", folder / "e", preprocess=READY)
    named = job.predictions.model_copy(update={"classifier": str(folder / "e")})
    return job.model_copy(update={"predictions": named})


def test_an_embedding_is_scored_by_the_labels_of_neighbours_in_other_splits(job, weights, tmp_path):
    named = embedding(job, weights, tmp_path)
    scores = evaluate(named)
    assert scores["classes"] == ["A", "G", "M"]
    assert scores["test"]["classifier"]["objects"] == 8
    assert scores["test"]["neighbours"] == {"vote": 5, "among": 16}
    with pytest.raises(ConfigurationError, match="'tset' has a label; the splits of labelled objects are test, train"):
        evaluate(named, split="tset")


@pytest.mark.parametrize(("label", "there"), [("", "no usable object has a label"), ("A", r"all labels \(24\) are A")])
def test_an_embedding_of_objects_without_two_classes_is_not_scored(weights, tmp_path, label, there):
    job = made_job(tmp_path / "out", label=np.full(SHARD, label, dtype=object))
    with pytest.raises(ConfigurationError, match=rf"{there} in .*: set catalog\.label"):
        evaluate(embedding(job, weights, tmp_path))


def test_without_splits_each_object_is_compared_with_all_others(weights, tmp_path):
    job = made_job(tmp_path / "out", split=np.full(SHARD, "", dtype=object))
    scores = evaluate(embedding(job, weights, tmp_path))
    assert scores["all"]["classifier"]["objects"] == scores["all"]["neighbours"]["among"] == 24


def test_values_and_embeddings_are_adopted_too(job, spectra, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights[:, :2], -50.0, outputs=("mean", "sigma"))
    sb.adopt(net, job, "spectra", "values:z,teff[K]", tmp_path / "v", preprocess=READY, errors=True)
    values = sb.predict(spectra, tmp_path / "v")
    np.testing.assert_allclose(values.value.values, normalised(spectra) @ weights[:, :2] - 50, atol=1e-4)
    np.testing.assert_allclose(values.error.values, -values.value.values, atol=1e-6)
    assert values.unit.values.tolist() == ["1", "K"]
    made = sb.adopt(net, job, "spectra", "embedding", tmp_path / "e", preprocess=READY, take="sigma", variables="flux")
    assert sb.predict(spectra, tmp_path / "e").embedding.shape == (24, 2)
    assert made.outputs == "embedding"


def test_a_folder_is_replaced_only_when_asked(job, weights, tmp_path):
    net, target = linear(tmp_path / "net.onnx", weights, softmax=True), tmp_path / "model"
    keys = {"preprocess": READY}
    sb.adopt(net, job, "spectra", CLASSES, target, **keys)
    with pytest.raises(ConfigurationError, match=r"already holds a model.*--replace"):
        sb.adopt(net, job, "spectra", CLASSES, target, **keys)
    linear(net, -weights, softmax=True)
    before = json.loads((target / "manifest.json").read_text())["files"]
    sb.adopt(net, job, "spectra", CLASSES, target, **keys, replace=True)
    assert json.loads((target / "manifest.json").read_text())["files"] != before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(ConfigurationError, match="holds something else"):
        sb.adopt(net, job, "spectra", CLASSES, tmp_path / "mine", **keys, replace=True)


def test_a_tilde_in_the_folder_s_name_is_the_home_folder(job, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    net = linear(tmp_path / "net.onnx", weights, softmax=True)
    sb.adopt(net, job, "spectra", CLASSES, "~/model", preprocess=READY)
    assert (tmp_path / "model" / "manifest.json").exists()


def test_a_model_that_does_not_work_is_not_written(job, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights)
    with pytest.raises(ConfigurationError, match=r"no probabilities of its classes.*say --logits"):
        sb.adopt(net, job, "spectra", CLASSES, tmp_path / "model", preprocess=READY)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"product": "sky"}, "there is no product|sky"),
        ({"variables": ("sky",)}, "spectra has no variable 'sky' of numbers; there are flux, ivar, mask"),
        ({"model": "net.pt"}, r"net\.pt is no file of a kind that can be adopted.*torch\.onnx\.export"),
        ({"model": "none.onnx"}, "there is no file"),
        ({"preprocess": ("polish",)}, "no preprocessing step 'polish'"),
        ({"outputs": "classes:A,G"}, r"needs 2 columns.*answer \(10, 3\)"),
        ({"outputs": "classes:A,G,A"}, "'classes:A,G,A' name 'A' twice"),
        ({"logits": True}, "probabilities already, not logits: leave out --logits"),
    ],
)
def test_what_cannot_be_adopted_is_refused_in_words(job, weights, tmp_path, changes, said):
    linear(tmp_path / "net.onnx", weights, softmax=True)
    (tmp_path / "net.pt").write_bytes(b"")
    given = {"model": "net.onnx", "product": "spectra", "outputs": CLASSES, "preprocess": READY, **changes}
    with pytest.raises(ConfigurationError, match=said):
        sb.adopt(tmp_path / given.pop("model"), job, folder=tmp_path / "model", **given)
    assert not (tmp_path / "model").exists()


def test_a_product_without_data_cannot_try_a_model(weights, tmp_path):
    empty = spectra_job(str(tmp_path / "out"), ("spectra",))
    make_spectra(empty, status=np.full(24, Status.FAILED, np.uint8))
    with pytest.raises(ConfigurationError, match="no row of the product .* has data yet: run the job first"):
        sb.adopt(linear(tmp_path / "net.onnx", weights), empty, "spectra", "embedding", tmp_path / "model")


def test_without_a_folder_the_job_s_own_is_written(job, weights, tmp_path):
    net = linear(tmp_path / "net.onnx", weights, softmax=True)
    section = job.predictions.model_copy(update={"classifier": str(tmp_path / "named")})
    made = sb.adopt(net, job.model_copy(update={"predictions": section}), "spectra", CLASSES, preprocess=READY)
    assert made.folder == str(tmp_path / "named")
    assert load_classifier(made.folder).classes == ("A", "G", "M")
    with pytest.raises(ConfigurationError, match="say where to write the model"):
        sb.adopt(net, job.model_copy(update={"predictions": None}), "spectra", CLASSES)
