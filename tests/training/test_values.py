"""Training on columns of the catalogue, from a product and a catalogue to scores, plots and an evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.models.describe import describe
from survey_batch.models.loading import load_classifier
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import to_numpy
from survey_batch.preflight.provenance import provenance_of
from survey_batch.spectra.grid import log_grid
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, write_shard
from survey_batch.training.evaluation import evaluate
from survey_batch.training.labelled_rows import read_labelled
from survey_batch.training.train import train
from tests.jobs import lamost_job
from tests.metrics_page import missing_keys

pytestmark = pytest.mark.slow

ROWS = 60
LONGEST = 7000.0
WAVELENGTHS = {"wavelength_min": 6000.0, "wavelength_max": LONGEST}


def make_job(folder, *, redshift=0.9, split=True, **train_keys):
    """A job whose catalogue has a column `depth`, which five rows lack, and no labels."""
    folder.mkdir(exist_ok=True)
    splits = ["train", "train", "validation", "test"]
    lines = ["obsid|ra|dec|filename|z|depth" + "|split" * split]
    for row in range(ROWS):
        depth = "" if row % 12 == 5 else f"{depth_of(row):.6f}"
        lines.append(f"{row}|{row}|0|{row:03d}.fits|{redshift}|{depth}" + f"|{splits[row % 4]}" * split)
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")
    keys = {
        "catalog": {"path": str(folder / "catalog.csv")},
        "archive": {"survey": "lamost", "root": "unused"},
        "spectra": WAVELENGTHS,
        "train": {
            "kind": "quantities", "classifier": str(folder / "model"), "columns": ["depth"], "units": {"depth": "mag"},
            "epochs": 60, "members": 2, "batch": 10, "learning_rate": 1e-2, "snr": [50, 100], **train_keys,
        },
    }  # fmt: skip
    return lamost_job(keys, folder / "out", ["spectra"])


def depth_of(row):
    return 0.1 + 0.7 * (row * 37 % ROWS) / ROWS


def make_spectra(job):
    """Write the product `spectra`: a line as deep as the catalogue says; one row is unreadable."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    plan.store()
    made = {"provenance": provenance_of(plan, stage), "job": job.model_dump(mode="json")}
    create_product(job.output, stage.schema(plan.size("object")), made)
    pixel = np.arange(log_grid(6000.0, LONGEST).size)
    line = np.exp(-0.5 * ((pixel - 300) / 30) ** 2)
    for shard in plan.shards("object"):
        columns = {name: to_numpy(plan.objects[name])[shard.rows] for name in ("obsid", "ra", "dec", "label", "split")}
        depth = np.array([depth_of(int(one)) for one in columns["obsid"]])[:, None]
        noise = np.random.default_rng(shard.index).normal(size=(len(shard), pixel.size))
        block = {"flux": (100 * (1 - depth * line) + noise).astype(np.float32)}
        block |= {"ivar": np.ones_like(block["flux"]), "mask": np.zeros(noise.shape, np.int32)}
        block |= {"redshift": np.zeros(len(shard), np.float32), "snr": np.full(len(shard), 100, np.float32)}
        coordinates = {**columns, "object_id": columns["obsid"]}
        texts = {name: coordinates[name].astype(object) for name in ("object_id", "label", "split")}
        status = np.full(len(shard), Status.OK, np.uint8)
        if shard.index == 0:
            status[1] = Status.UNREADABLE
        write_shard(
            job.output, "spectra", shard, {**block, **texts, "ra": columns["ra"], "dec": columns["dec"]}, status
        )
    return job


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    job = make_spectra(make_job(tmp_path_factory.mktemp("values") / "job"))
    return job, train(job)


def test_a_column_is_learnt_better_than_its_mean(done):
    _, scores = done
    assert scores["quantities"] == ["depth"]
    of = {name: one["quantities"]["depth"] for name, one in scores["test"].items()}
    assert set(of) == {"classifier", "mean_of_training", "linear_regression"}
    assert of["classifier"]["rms"] < 0.5 * of["mean_of_training"]["rms"]
    assert scores["training"]["objects"]["train"] == {"": 24}, "30, without 5 that lack a number and 1 unreadable"
    assert scores["error_factors"]["depth"] > 0
    assert not missing_keys({**scores, "training": {}}, ["depth", *of])


def test_the_folder_holds_the_model_its_scores_and_pictures(done):
    job, scores = done
    folder = Path(job.train.classifier)
    manifest = load_classifier(folder).manifest
    (quantity,) = manifest.quantities
    assert (quantity.name, quantity.units, quantity.column) == ("depth", "mag", "depth")
    assert quantity.error_factor == scores["error_factors"]["depth"]
    assert (
        manifest.metrics["test"]["quantities"]["depth"]["nmad"]
        == scores["test"]["classifier"]["quantities"]["depth"]["nmad"]
    )
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(json.dumps(scores))
    for name in ("residuals.png", "intervals.png", "training-curve.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert name in manifest.files


def test_evaluating_gives_the_figures_of_training(done):
    job, scores = done
    again = evaluate(job)
    one, other = (part["test"]["classifier"]["quantities"]["depth"] for part in (again, scores))
    assert one["nmad"] == pytest.approx(other["nmad"], rel=1e-4)
    assert "NMAD" in describe(again)


def test_other_numbers_in_the_column_leave_the_product_as_it_is(done, tmp_path):
    job, _ = done
    path = Path(job.catalog.path)
    before = path.read_text()
    path.write_text(before.replace("|0.1", "|0.2"))
    data = read_labelled(
        job, "spectra", ("flux",), quantities=load_classifier(job.train.classifier).manifest.quantities
    )
    evaluate(job)  # and is not refused
    path.write_text(before)
    assert data.target.min() > 0.19


def test_a_column_that_the_catalogue_lacks_is_refused_with_what_there_is(done):
    job, _ = done
    wrong = job.model_copy(update={"train": job.train.model_copy(update={"columns": ("depht",), "units": {}})})
    with pytest.raises(ConfigurationError, match=r"train.columns: there is no column 'depht' \(did you mean 'depth'"):
        train(wrong)


def test_no_labels_are_asked_for_but_splits_are(tmp_path):
    job = make_job(tmp_path / "job", split=False)
    with pytest.raises(ConfigurationError) as error:
        train(make_spectra(job))
    assert "split = " in str(error.value)
    assert "label" not in str(error.value)


@pytest.mark.slow
def test_without_a_validation_split_folds_give_the_errors_their_scale(tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.training.train.CALIBRATION_FOLDS", 2)
    job = make_job(tmp_path / "job", folds=2, epochs=6)
    path = Path(job.catalog.path)
    path.write_text(path.read_text().replace("validation", "train"))
    scores = train(make_spectra(job))
    assert scores["error_factors"]["depth"] != 1
    part = scores["cross_validation"]
    assert part["classifier"]["objects"] == 54
    assert "cross-validation" in describe(scores)
