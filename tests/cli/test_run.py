"""`survey-batch run`: what `--train` runs before the training and which classifier it takes, and `--retry`."""

import json

import pytest

from survey_batch.cli.run import _show, before_predictions, run
from survey_batch.config.sections.catalog import CatalogSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.execution import runner
from survey_batch.execution.runner import Summary
from survey_batch.models.manifest import Quantity
from tests.jobs import lamost_job
from tests.models.folders import write_folder

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}


def job(folder, variant="lines", predicts=None):
    train = {"classifier": str(folder), "kind": "spectral-type", "variant": variant}
    predictions = {"classifier": str(predicts or folder)}
    return lamost_job(UNUSED, "out", ("spectra", "predictions"), train=train, predictions=predictions)


def test_all_but_the_predictions_comes_before_the_training(tmp_path):
    assert before_predictions(job(tmp_path / "model")).stages == ("spectra",)


def test_a_classifier_that_is_there_is_not_trained_again(tmp_path, capsys):
    write_folder(tmp_path / "model")
    assert before_predictions(job(tmp_path / "model")) is None
    assert f"{tmp_path}/model is already trained" in capsys.readouterr().err


def test_a_classifier_of_another_variant_is_not_taken_for_it(tmp_path):
    write_folder(tmp_path / "model")
    with pytest.raises(ConfigurationError, match=r"variant 'lines'; \[train\] says 'spectral-type', 'forest'"):
        before_predictions(job(tmp_path / "model", "forest"))


def test_a_classifier_of_other_quantities_is_not_taken_for_it(tmp_path):
    answers = {"outputs": "values", "classes": (), "quantities": (Quantity(name="z", column="z"),)}
    write_folder(tmp_path / "model", "quantities", "convolution", **answers)

    def wants(*columns):
        train = {"classifier": str(tmp_path / "model"), "kind": "quantities", "columns": columns}
        predictions = {"classifier": str(tmp_path / "model")}
        return lamost_job(UNUSED, "out", ("spectra", "predictions"), train=train, predictions=predictions)

    assert before_predictions(wants("z")) is None
    with pytest.raises(ConfigurationError, match=r"of columns z; train.columns says z, teff. Train it again"):
        before_predictions(wants("z", "teff"))


def test_an_embedding_of_other_dimensions_is_not_taken_for_it(tmp_path):
    answers = {"outputs": "embedding", "classes": (), "dimensions": 4}
    write_folder(tmp_path / "model", "spectrum-embedding", "autoencoder", **answers)
    train = {"classifier": str(tmp_path / "model"), "kind": "spectrum-embedding", "dimensions": 8}
    predictions = {"classifier": str(tmp_path / "model")}
    with pytest.raises(ConfigurationError, match=r"of 4 dimensions; train.dimensions says 8"):
        before_predictions(lamost_job(UNUSED, "out", ("spectra", "predictions"), train=train, predictions=predictions))


def test_both_tables_must_name_one_classifier(tmp_path):
    with pytest.raises(ConfigurationError, match=r"name one folder in both"):
        before_predictions(job(tmp_path / "a", predicts=tmp_path / "b"))


def test_a_job_without_labels_is_refused_before_its_run(tmp_path):
    (tmp_path / "list.csv").write_text("obsid,filename,ra,dec,my_type\n1,1.fits,1,1,A\n")
    unlabelled = job(tmp_path / "model").model_copy(update={"catalog": CatalogSection(path=str(tmp_path / "list.csv"))})
    with pytest.raises(
        ConfigurationError, match=r'label = "my_type"    # in the table \[catalog\]\n    split = \{ tra'
    ):
        before_predictions(unlabelled)


def test_training_and_predicting_share_one_display(tmp_path, monkeypatch):
    runs = []

    def run_job(job, progress, **_):
        runs.append((job.stages, progress))
        return Summary("out", counts={"ok": 1}, worked=True)

    monkeypatch.setattr("survey_batch.execution.runner.run", run_job)
    monkeypatch.setattr("survey_batch.cli.run.open_job", lambda *_: job(tmp_path / "model"))
    monkeypatch.setattr("survey_batch.cli.run._train", lambda _: None)
    run(tmp_path / "job.toml", train=True)
    (first, shown), (second, shown_again) = runs
    assert (first, second) == (("spectra",), ("spectra", "predictions"))
    assert shown is shown_again


def test_the_end_of_a_run_names_the_command_that_shows_its_problems(capsys):
    _show(Summary("out", counts={"ok": 1, "unreadable": 2}, worked=True), "survey-batch status my.toml")
    assert "reasons in out/problems.parquet (see: survey-batch status my.toml)" in capsys.readouterr().out


def test_statuses_to_try_again_reach_the_run_and_the_json_says_what_was_tried(command, job, monkeypatch):
    asked = []

    def run(job, progress, **options):
        asked.append(options["retry"])
        return Summary(job.output, {"ok": 8}, worked=True, retried={"spectra": 2})

    monkeypatch.setattr(runner, "run", run)
    code, out, _ = command("run", job, "--retry", "not_found,unreadable", "--json")
    assert (code, json.loads(out)["retried"]) == (0, {"spectra": 2})
    command("run", job)
    assert asked == [["not_found", "unreadable"], ()]


def test_a_wrong_status_to_try_again_is_refused_with_the_right_ones(command, job):
    code, _, err = command("run", job, "--retry", "not_found,lost")
    assert code == 2
    assert "'lost' can be tried again: name one or more of partial, not_found, unreadable, outside" in err


def test_statuses_are_tried_again_before_the_training_alone_and_told_at_the_end(tmp_path, monkeypatch):
    asked, told = [], []

    def run_job(job, progress, *, retry, **_):
        asked.append(list(retry))
        return Summary("out", counts={"ok": 1}, worked=True, retried={"spectra": 2} if retry else {})

    monkeypatch.setattr("survey_batch.execution.runner.run", run_job)
    monkeypatch.setattr("survey_batch.cli.run.open_job", lambda *_: job(tmp_path / "model"))
    monkeypatch.setattr("survey_batch.cli.run._train", lambda _: None)
    monkeypatch.setattr("survey_batch.cli.run.answer.tell", told.append)
    run(tmp_path / "job.toml", train=True, retry="not_found")
    assert asked == [["not_found"], []]
    assert told[0]["retried"] == {"spectra": 2}
