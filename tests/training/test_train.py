import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

from survey_batch.config.job import Job
from survey_batch.core.environment import WORKER_ENVIRONMENT
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.models.cross_validation import calibrated_across_folds, grouped_folds, out_of_fold
from survey_batch.models.fitting import Workspace
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.manifest import MANIFEST
from survey_batch.models.scores import describe, scores_of
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import check_made_by, provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable
from survey_batch.training.evaluation import evaluate
from survey_batch.training.train import train
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.metrics_page import missing_keys
from tests.models.conftest import PIXELS, make_block
from tests.preflight.test_differences import label_rows

ROWS = 72


def make_job(folder, **train_keys) -> Job:
    return Job.model_validate(
        {
            "name": "test",
            "output": str(folder / "out"),
            "stages": ["spectra"],
            "catalog": {"path": "catalog.csv"},
            "archive": {"survey": "lamost", "root": "spectra"},
            "train": {
                "classifier": str(folder / "model"),
                "variant": "lines",
                "epochs": 25,
                "members": 2,
                **train_keys,
            },
        }
    )


def write_product(job: Job, wavelength, split) -> None:
    """A product of three visits per star; one row is unreadable, one of a class that is not trained on."""
    label = np.tile(np.array(["A", "F", "G", "M"]), ROWS // 4).astype(object)
    block = make_block(label, 1)
    label[5] = "O"
    dims = ("object", "wavelength")
    variables = [Variable(name, dims, "i4" if name == "mask" else "f4") for name in block]
    schema = Schema(
        "spectra",
        "object",
        {"object": ROWS, "wavelength": len(wavelength)},
        ROWS,
        (*OBJECT_COORDINATES, *variables),
        {"wavelength": (("wavelength",), wavelength, {"units": "Angstrom"})},
    )
    create_product(job.output, schema, {"job": "test"})
    star = np.arange(ROWS) // 12 * 4 + np.arange(ROWS) % 4
    status = np.full(ROWS, Status.OK, np.uint8)
    status[7] = Status.UNREADABLE
    block["flux"][7] = np.nan
    data = {
        **{name: values[:, : len(wavelength)] for name, values in block.items()},
        "object_id": np.array([f"id-{row}" for row in range(ROWS)], dtype=object),
        "ra": 10.0 + star,
        "dec": np.zeros(ROWS),
        "label": label,
        "split": split.astype(object),
    }
    write_shard(job.output, "spectra", Shard("object", 0, 0, ROWS), data, status)


@pytest.fixture
def split():
    """Objects are held out, so no folds are trained for the temperature."""
    return np.array(["train", "train", "train", "validation", "test", "test"])[np.arange(ROWS) // 12]


@pytest.fixture
def without_validation():
    return np.where(np.arange(ROWS) // 12 < 4, "train", "test")


@pytest.fixture(scope="module")
def done(tmp_path_factory, wavelength):
    job = make_job(tmp_path_factory.mktemp("train"))
    write_product(job, wavelength, np.array(["train", "train", "validation", "test"])[np.arange(ROWS) // 12 % 4])
    return job, train(job)


def test_training_scores_stars_that_were_not_seen_better_than_chance(done):
    _, scores = done
    assert scores["training"]["stars_in_train_and_test"] == 0
    assert scores["test"]["classifier"]["accuracy"] > 0.6, "chance is 0.25"
    assert scores["test"]["components_svm"]["objects"] == scores["test"]["classifier"]["objects"]
    objects = scores["training"]["objects"]
    assert sum(sum(part.values()) for part in objects.values()) == ROWS - 2, "unreadable and O take no part"
    assert not missing_keys(scores, ["components_svm"])


def test_the_folder_holds_the_classifier_its_scores_and_pictures(done):
    job, scores = done
    folder = Path(job.train.classifier)
    classifier = load_classifier(folder)
    assert classifier.manifest.temperature == scores["temperature"] != 1
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(json.dumps(scores))
    assert {path.name for path in folder.iterdir()} == {MANIFEST, *classifier.manifest.files}
    for name in ("confusion.png", "reliability.png", "training-curve.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_evaluating_gives_the_figures_of_training(done):
    job, scores = done
    again = evaluate(job)
    assert again["test"]["classifier"]["confusion"] == scores["test"]["classifier"]["confusion"]
    assert again["test"]["classifier"]["log_loss"] == pytest.approx(scores["test"]["classifier"]["log_loss"])
    assert "accuracy" in describe(again)


def test_evaluating_on_another_grid_is_refused(done, tmp_path, wavelength, split):
    job, _ = done
    other = make_job(tmp_path, classifier=job.train.classifier)
    write_product(other, wavelength[:-10], split)
    with pytest.raises(PlanMismatchError, match=str(PIXELS - 10)):
        evaluate(other)


def test_folds_without_a_validation_split_give_cross_validated_figures(tmp_path, wavelength, without_validation):
    job = make_job(tmp_path, folds=2, variant="forest", trees=5)
    write_product(job, wavelength, without_validation)
    scores = train(job)
    assert scores["cross_validation"]["classifier"]["objects"] == ROWS - 1, "forest knows O"
    assert not missing_keys(scores, ["components_svm"])
    assert "mcnemar" in scores["cross_validation"]["components_svm"]["against_classifier"]
    assert "cross-validation" in describe(scores)


def test_training_without_a_split_says_what_to_set(tmp_path, wavelength):
    job = make_job(tmp_path)
    write_product(job, wavelength, np.full(ROWS, ""))
    with pytest.raises(ConfigurationError, match=r"catalog\.split"):
        train(job)


def test_training_without_a_product_or_a_table_says_so(tmp_path):
    job = make_job(tmp_path)
    with pytest.raises(ConfigurationError, match="spectra"):
        train(job)
    with pytest.raises(ConfigurationError, match=r"\[train\]"):
        train(job.model_copy(update={"train": None}))


@pytest.fixture
def data():
    random = np.random.default_rng(1)
    star = random.integers(0, 30, 90)
    label = np.array(["A", "F", "G"])[star % 3]
    blank = np.full(90, "")
    return Labelled(
        {"flux": star[:, None].astype("f4")}, label, blank, blank, star, {"wavelength": np.arange(1.0, 2.0)}
    )


def test_a_notebook_trains_with_the_rounding_of_workers(tmp_path):
    (tmp_path / "job.json").write_text(make_job(tmp_path).model_dump_json(exclude_unset=True))
    script = """
import os, sys, pathlib, survey_batch as sb
try:
    sb.train(sb.Job.model_validate_json(pathlib.Path(sys.argv[1]).read_text()))
except sb.ConfigurationError:  # there is no product yet
    print(os.environ["TF_ENABLE_ONEDNN_OPTS"])
"""
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "job.json"],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.split() == [WORKER_ENVIRONMENT["TF_ENABLE_ONEDNN_OPTS"]]


def test_no_star_is_in_training_and_test(data):
    for trained, tested in grouped_folds(data, 5, seed=1):
        assert not set(data.star[trained]) & set(data.star[tested])


def test_every_row_is_predicted_once_by_a_model_that_has_not_seen_its_star(data):
    def fit(part, seed):
        seen = set(part.star)
        return lambda other: np.array([star in seen for star in other.star])

    seen, fold = out_of_fold(data, fit, 5, seed=1)
    assert not seen.any()
    assert np.bincount(fold).sum() == len(data)


def test_labels_that_are_no_class_are_left_out(data):
    assert set(data.of_classes(("A", "G")).label) == {"A", "G"}


def test_more_folds_than_stars_are_refused(data):
    with pytest.raises(ConfigurationError, match="31 folds"):
        next(grouped_folds(data, 31, seed=1))


def test_a_fold_is_calibrated_without_its_own_labels():
    random = np.random.default_rng(1)
    probability, fold = random.dirichlet(np.ones(3), 60), np.arange(60) % 2
    true = random.integers(0, 3, 60)
    changed = np.where(fold == 0, (true + 1) % 3, true)
    one, two = (calibrated_across_folds(labels, probability, fold, np.ones(60)) for labels in (true, changed))
    np.testing.assert_array_equal(one[fold == 0], two[fold == 0])
    assert not np.allclose(one[fold == 1], two[fold == 1])


def test_rows_that_are_not_classified_are_counted_and_left_out_of_all_scores(data):
    number = np.array(["AFG".index(label) for label in data.label])
    probability = np.eye(6)[number]
    probability[:4] = np.nan
    scores = scores_of(data, {"classifier": probability, "components_svm": number}, tuple("AFGKMX"), 0)
    assert scores["not_classified"] == 4
    assert scores["classifier"]["objects"] == scores["components_svm"]["objects"] == 86
    assert scores["components_svm"]["against_classifier"]["accuracy_gain"] == 0


def test_objects_of_a_class_that_was_not_learnt_are_counted(tmp_path, wavelength, split):
    job = make_job(tmp_path, epochs=1, members=1, variant="forest", trees=5)
    write_product(job, wavelength, split)
    scores = train(job)
    assert scores["training"]["classes_without_training_objects"] == {}
    assert scores["training"]["objects"]["train"]["O"] == 1, "forest knows O"


def test_a_prior_of_unknown_classes_is_refused_before_training(tmp_path, wavelength, split):
    job = make_job(tmp_path, prior={"STAR": 1.0})
    write_product(job, wavelength, split)
    with pytest.raises(ConfigurationError, match=r"the prior names classes \['STAR'\]"):
        train(job, progress=lambda text: pytest.fail(f"went on: {text}"))


@pytest.mark.slow
def test_a_classifier_whose_test_objects_cannot_be_classified_is_there_all_the_same(tmp_path, wavelength, split):
    job = make_job(tmp_path, epochs=1, members=1)
    write_product(job, wavelength, split)
    product = zarr.open_group(f"{job.output}/spectra.zarr", mode="r+")
    product["flux"][48:] = np.nan
    with pytest.raises(ConfigurationError, match="no object could be classified"):
        train(job)
    assert load_classifier(Path(job.train.classifier)).classes[0] == "A"


@pytest.mark.slow
def test_a_baseline_that_the_objects_do_not_allow_is_left_out(tmp_path, wavelength, split, monkeypatch, caplog):
    def fails(*_):
        raise ValueError("too few")

    monkeypatch.setattr("survey_batch.models.baselines.ComponentsSVM.fit", fails)
    job = make_job(tmp_path, epochs=1, members=1)
    write_product(job, wavelength, split)
    assert "components_svm" not in train(job)["test"]
    assert "baseline components_svm: not run (too few)" in caplog.text


@pytest.mark.slow
def test_another_variant_in_the_same_folder_leaves_nothing_of_the_first(tmp_path, wavelength, split):
    job = make_job(tmp_path, epochs=1, members=1)
    write_product(job, wavelength, split)
    train(job)
    folder = Path(job.train.classifier)
    (folder / "notes.txt").write_text("mine")
    assert (folder / "network.keras").exists()
    said = []
    train(make_job(tmp_path, variant="forest", trees=5), progress=said.append)
    assert any("will be replaced" in line for line in said)
    assert said[-1] == f"the classifier is in {folder}"
    assert not {"network.keras", "training-curve.png"} & {path.name for path in folder.iterdir()}
    with pytest.raises(ConfigurationError, match=r"notes\.txt; move away what you put there"):
        load_classifier(folder)
    (folder / "notes.txt").unlink()  # it is the user's, so the training left it
    assert load_classifier(folder).manifest.variant == "forest"


@pytest.mark.slow
def test_rows_that_are_not_done_yet_are_told_of(tmp_path, wavelength, split, caplog):
    job = make_job(tmp_path, epochs=1, members=1)
    write_product(job, wavelength, split)
    zarr.open_group(f"{job.output}/spectra.zarr", mode="r+")["status"][60:] = Status.PENDING
    train(job)
    assert f"12 of {ROWS} rows of spectra" in caplog.text


def test_the_manifest_says_how_good_the_baselines_are(done):
    job, scores = done
    metrics = load_classifier(Path(job.train.classifier)).manifest.metrics
    assert metrics["test"]["baselines"] == {"components_svm": scores["test"]["components_svm"]["accuracy"]}


def test_classes_that_cannot_have_been_learnt_are_named(done):
    _, scores = done
    assert "no training object of: K, non-stellar" in describe(scores)


def test_a_split_that_does_not_exist_is_answered_with_those_that_do(done):
    job, _ = done
    with pytest.raises(ConfigurationError, match=r"splits \['test', 'train', 'validation'\]"):
        evaluate(job, split="nonsense")


def test_a_product_with_another_split_or_label_is_refused(tmp_path):
    tables = make_archive(tmp_path / "archive", 12)
    tables["catalog"]["split"] = {"train": 0.7, "test": 0.3}
    job = lamost_job(tables, tmp_path / "out", ["spectra"], train={"classifier": str(tmp_path / "model")})
    plan, stage = make_plan(job), make_stage(job, "spectra")
    made = {"provenance": provenance_of(plan, stage), "job": job.model_dump(mode="json")}
    create_product(job.output, stage.schema(plan.size("object")), made)
    label_rows(plan, "spectra")
    check_made_by(job, "spectra")
    other = {**tables, "catalog": {**tables["catalog"], "split": {"train": 0.5, "test": 0.5}}}
    changed = lamost_job(other, tmp_path / "out", ["spectra"], train={"classifier": str(tmp_path / "model")})
    with pytest.raises(PlanMismatchError, match=r"the split of \d rows changed .* survey-batch run"):
        train(changed)


NETWORK = {"epochs": 2, "members": 1, "patience": 0}


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{"variant": "forest", "trees": 5}, NETWORK])
def test_what_was_trained_before_ctrl_c_is_not_trained_again(
    tmp_path, wavelength, without_validation, monkeypatch, keys
):
    job, undisturbed = make_job(tmp_path / "one", **keys), make_job(tmp_path / "two", **keys)
    for each in (job, undisturbed):
        write_product(each, wavelength, without_validation)
    family = family_of(job.train.kind, job.train.variant)
    fit, calls = family.fit, []

    def interrupted(*args, **named):
        calls.append(named)
        if len(calls) == 4:  # the classifier itself, two folds, and now the third
            raise KeyboardInterrupt
        return fit(*args, **named)

    monkeypatch.setattr(family, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(job)
    said = []
    scores = train(job, progress=said.append)
    assert len(calls) == 4 + 3, "the third fold and the two after it"
    assert any("is already trained, and is kept" in line for line in said)
    kept = [line.strip() for line in said if "done before" in line]
    assert kept == ["fold 1 of 5 done before", "fold 2 of 5 done before"]
    whole = train(undisturbed)
    assert scores["temperature"] == pytest.approx(whole["temperature"])
    assert scores["test"] == whole["test"]
    assert not Path(f"{job.train.classifier}.training").exists()


def test_fitting_the_temperature_says_what_it_does_how_far_it_is_and_how_long_it_takes(
    tmp_path, wavelength, without_validation
):
    job = make_job(tmp_path, variant="forest", trees=5)
    write_product(job, wavelength, without_validation)
    said = []
    train(job, progress=said.append)
    begun = next(place for place, line in enumerate(said) if line.startswith("fitting the temperature"))
    assert "5 models like it are trained" in said[begun]
    assert re.search(r"; about \d+ s$", said[begun])
    folds = [line for line in said[begun:] if line.startswith("  fold")]
    assert len(folds) == 5
    assert re.fullmatch(r"  fold 2 of 5 done, about \d+ s left", folds[1])


def test_folds_that_were_done_are_kept(tmp_path, data):
    said = []
    place = Workspace(tmp_path, said.append)
    first, _ = out_of_fold(data, lambda *_: lambda other: np.ones(len(other)), 3, 1, place)
    again, _ = out_of_fold(data, lambda *_: pytest.fail("it was kept"), 3, 1, place)
    np.testing.assert_array_equal(first, again)
    assert said[-1] == "  fold 3 of 3 done before"


def test_training_without_one_usable_object_is_refused_with_the_reason(tmp_path, wavelength, split, monkeypatch):
    job = make_job(tmp_path)
    write_product(job, wavelength, split)
    family = family_of(job.train.kind, job.train.variant)
    monkeypatch.setattr(family, "valid_rows", lambda block, _: np.zeros(len(block["flux"]), bool))
    said = (
        r"no labelled object of split train can be used, out of \d+, .* too few good pixels .*"
        r"reads flux.* of the product 'spectra'"
    )
    with pytest.raises(ConfigurationError, match=said):
        train(job)


@pytest.mark.slow
def test_a_class_without_usable_training_rows_is_no_answer_and_is_told_of(tmp_path, wavelength, split):
    job = make_job(tmp_path, epochs=1, members=1)
    split[np.arange(ROWS) % 4 == 2] = "test"  # all stars of class G
    write_product(job, wavelength, split)
    said = []
    scores = train(job, progress=said.append)
    assert scores["classes"] == ["A", "F", "M"]
    assert load_classifier(Path(job.train.classifier)).classes == ("A", "F", "M")
    assert scores["training"]["classes_without_training_objects"] == {"G": 18}
    assert "no usable training object is of G: the classifier does not know these classes" in said
    assert "no training object of: G, K, non-stellar; so the classifier never answers" in describe(scores)


@pytest.mark.slow
def test_a_class_whose_training_rows_say_too_little_is_no_answer(tmp_path, wavelength, split):
    job = make_job(tmp_path, epochs=1, members=1)
    write_product(job, wavelength, split)
    product = zarr.open_group(f"{job.output}/spectra.zarr", mode="r+")
    empty = (np.arange(ROWS) % 4 == 2) & (split == "train")
    for name in ("flux", "ivar"):
        values = product[name][:]
        values[empty] = 0
        product[name][:] = values
    scores = train(job)
    assert scores["classes"] == ["A", "F", "M"]


def test_a_split_that_is_all_training_trains_on_all_labels_and_tests_on_none(tmp_path, wavelength, monkeypatch):
    monkeypatch.setattr("survey_batch.training.train.CALIBRATION_FOLDS", 2)
    job = make_job(tmp_path, epochs=2, members=1, patience=1)
    job = Job.model_validate({**job.model_dump(), "catalog": {"path": "catalog.csv", "split": {"train": 1.0}}})
    write_product(job, wavelength, np.full(ROWS, "train"))
    said = []
    scores = train(job, progress=said.append)
    assert "test" not in scores
    assert sum(scores["training"]["objects"]["train"].values()) == ROWS - 2
    assert f"training on {ROWS - 2} objects" in "\n".join(said)
    assert "ignores train.patience" in "\n".join(said)
    assert load_classifier(Path(job.train.classifier)).classes == ("A", "F", "G", "M")
