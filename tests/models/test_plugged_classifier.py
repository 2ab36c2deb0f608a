"""A classifier of another package, the one that the documentation shows, goes through every command."""

import json
from importlib import import_module

import numpy as np
import pyarrow.parquet as pq
import pytest

from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.artifact import check_folder
from survey_batch.store.products import open_group
from tests.examples import EXAMPLES, Beside, assert_shows, install
from tests.models.conftest import labelled

JOB = EXAMPLES / "small-classifier" / "job.toml"

FEW = ("train.epochs=6", "catalog.split={train = 0.5, validation = 0.2, test = 0.3}", "cluster.workers=1")
"""A validation split spares the folds for the temperature."""


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    """Runs a command of `survey-batch` where the package is installed."""
    packages = install("small-classifier", tmp_path_factory.mktemp("installed"))
    return Beside(packages, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def done(command):
    """The job of the example, done with a network that was trained for a moment."""

    def ask(verb, *options):
        return command(verb, str(JOB), *options, *(word for setting in FEW for word in ("--set", setting)))

    command("simulate", "lamost", "runs/archive/lamost", "--objects", "60")
    ask("run", "--train")
    ask.folder = command.folder
    return ask


@pytest.mark.slow
def test_the_job_is_trained_and_every_object_has_probabilities_of_its_classes(done):
    product = open_group(str(done.folder / "runs" / "tiny-types"), "predictions")
    manifest = manifest_in(done.folder / "models" / "tiny-types")
    assert (manifest["kind"], manifest["variant"]) == ("tiny-network", "dense")
    assert manifest["recipe"]["steps"] == {"method": "mean-of-bins", "bins": 80}
    assert manifest["versions"]["small-classifier"] == "0.1.0"
    assert product["probability"].shape == (60, len(manifest["classes"]))
    assert set(product["predicted_class"][:]) <= set(manifest["classes"])


def manifest_in(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_status_report_export_and_evaluate_know_the_kind(done):
    assert "60 ok" in done("status")
    done("report")
    assert "tiny-network" in (done.folder / "runs" / "tiny-types" / "report.html").read_text(encoding="utf-8")
    done("export")
    table = pq.read_table(done.folder / "runs" / "tiny-types" / "catalog.parquet")
    assert table.num_rows == 60
    assert "sb_predicted_class" in table.column_names
    scores = json.loads(done("evaluate", "--json"))
    before = json.loads((done.folder / "models" / "tiny-types" / "metrics.json").read_text(encoding="utf-8"))
    assert scores["test"]["classifier"]["confusion"] == before["test"]["classifier"]["confusion"]


@pytest.mark.slow
def test_without_the_package_its_model_is_refused_by_the_package_s_name(done):
    said = r"is of kind 'tiny-network' from the package small-classifier 0\.1\.0, which is not installed here"
    with pytest.raises(ConfigurationError, match=said):
        check_folder(done.folder / "models" / "tiny-types")


def test_without_the_package_its_job_is_refused_with_the_line_and_what_there_is():
    with pytest.raises(ConfigurationError, match=r"line 15: train\.kind: 'tiny-network' is not known; there are"):
        load_job(JOB)


def test_the_forest_of_the_example_is_fitted_stored_and_read(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES / "small-classifier" / "src")
    kind = import_module("small_classifier.kind").SMALL_FOREST
    forest, section = kind.family("forest"), kind.training(classifier="-", kind="small-forest", variant="forest")
    label = np.repeat(["a", "b"], 20)
    block = {"value": np.column_stack([np.repeat([0.0, 1.0], 20), np.full(40, np.nan)]).astype("f4")}
    fitted = forest.fit(labelled(block, label), section)
    fitted.save(tmp_path)
    probability = forest.read_parts(tmp_path, fitted.manifest).predict_proba(block)
    assert np.array(fitted.classes)[probability.argmax(axis=1)].tolist() == label.tolist()
    assert np.isnan(fitted.predict_proba({"value": np.full((1, 2), np.nan, "f4")})).all()


def test_the_page_shows_the_package_as_it_is():
    assert_shows("add-a-classifier.md", "small-classifier")
