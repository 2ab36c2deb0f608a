"""`survey-batch init`: the same file from options and from answers in a terminal."""

import os

import pytest

from survey_batch.cli.questions import _understood
from survey_batch.config.jobfile import load_job
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError
from tests.lamost_files import make_archive
from tests.terminal import CTRL_C, in_terminal

AFTER = ("", "spectra")
"""Answers for the archive and the stages, which come before the label."""


def options(folder):
    return [
        *("--survey", "lamost", "--catalog", folder / "archive" / "catalog.csv"),
        *("--root", folder / "archive", "--stages", "spectra", "--output", folder / "out"),
    ]


@pytest.fixture
def archive(tmp_path):
    make_archive(tmp_path / "archive", 3)
    return tmp_path


def test_options_fill_the_example_in_and_keep_its_comments(command, archive):
    path = archive / "stars.toml"
    assert command("init", path, *options(archive))[0] == 0
    job = load_job(path)
    assert (job.catalog.path, job.archive.root) == (f"{archive}/archive/catalog.csv", f"{archive}/archive")
    assert (job.output, job.stages) == (f"{archive}/out", ("spectra",))
    assert "# flat | plan | obsid" in path.read_text()


def test_a_catalogue_that_is_not_there_is_told_and_may_come_later(command, archive):
    path = archive / "stars.toml"
    code, out, _ = command("init", path, *options(archive), "--catalog", archive / "later.csv")
    assert code == 0
    assert f"there is no file {archive}/later.csv yet: put it there, or correct catalog.path in {path}" in out
    assert "there is no file" not in command("init", archive / "b.toml", *options(archive))[1]


def test_variables_in_the_path_of_a_catalogue_are_those_of_the_job_file(command, archive, monkeypatch):
    monkeypatch.setenv("LISTS", str(archive / "archive"))
    monkeypatch.delenv("LOST", raising=False)
    _, out, _ = command("init", archive / "a.toml", *options(archive), "--catalog", "$LISTS/catalog.csv")
    assert "note" not in out
    assert 'path = "$LISTS/catalog.csv"' in " ".join((archive / "a.toml").read_text().split())
    _, out, _ = command("init", archive / "b.toml", *options(archive), "--catalog", "${LISTS}/later.csv")
    assert f"there is no file {archive}/archive/later.csv yet" in out
    _, out, _ = command("init", archive / "c.toml", *options(archive), "--catalog", "$LOST/catalog.csv")
    assert "$LOST/catalog.csv names the environment variable LOST, which is not set: export it" in out


def test_the_columns_of_a_catalogue_below_a_variable_are_understood(archive, monkeypatch, capsys):
    monkeypatch.setenv("LISTS", str(archive / "archive"))
    monkeypatch.delenv("LOST", raising=False)
    assert "obsid" in _understood("$LISTS/catalog.csv", find_survey("lamost"), None)
    assert "recognised: ra, dec" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="LOST, which is not set"):
        _understood("$LOST/catalog.csv", find_survey("lamost"), None)


def test_answers_in_a_terminal_make_the_same_file_as_options(command, archive):
    assert command("init", archive / "by_option" / "stars.toml", *options(archive))[0] == 0
    answers = ["stars", "lamost", "nothing.csv", "no", "nothing.csv", archive / "archive" / "catalog.csv"]
    keys = [
        os.fsencode(f"{answer}\r") for answer in [*answers, archive / "archive", "features", "spectra", archive / "out"]
    ]
    code, _, screen = in_terminal(["init"], archive, keys)
    assert code == 0, screen
    assert (archive / "stars.toml").read_text() == (archive / "by_option" / "stars.toml").read_text()
    assert "there is no file nothing.csv" in screen
    assert "recognised: ra, dec, class, subclass, object_id (obsid)" in screen
    assert "the first product must be spectra" in screen


def test_predictions_come_with_their_table(command, archive):
    path = archive / "stars.toml"
    assert command("init", path, *options(archive), "--stages", "spectra,predictions", "--label", "subclass")[0] == 0
    job = load_job(path)
    assert job.stages == ("spectra", "predictions")
    assert job.predictions.classifier == job.train.classifier == "models/stars"
    assert job.catalog.label == "subclass"


@pytest.mark.parametrize("label", [None, "class", ""])
@pytest.mark.parametrize(("survey", "first"), [("sdss", "frames,cutouts"), ("skyserver", "composites")])
def test_images_can_be_classified_by_a_new_job_and_plan_accepts_it(command, tmp_path, survey, first, label):
    rows = ["objid,ra,dec,run,camcol,field,class,subclass"] + [f"{i},18{i},0,94,1,{i},STAR,F5" for i in range(1, 9)]
    (tmp_path / "list.csv").write_text("\n".join(rows))
    words = ["--survey", survey, "--catalog", tmp_path / "list.csv", "--root", tmp_path, "--output", tmp_path / "out"]
    words += ["--stages", f"{first},predictions", *([] if label is None else ["--label", label])]
    path = tmp_path / "stars.toml"
    assert command("init", path, *words)[0] == 0
    job = load_job(path)
    assert job.stages == (*first.split(","), "predictions")
    assert job.catalog.label == {None: "mk_class", "": None}.get(label, label)
    assert (job.train is None) == (job.catalog.split is None) == (label == "")
    code, _, err = command("plan", path)
    if label == "":
        assert "no trained classifier in models/stars" in err
    else:
        assert code == 0, err


@pytest.mark.parametrize("given", [False, True])
def test_a_catalogue_without_the_usual_classes_is_asked_for_its_own(archive, given):
    table = archive / "archive" / "catalog.csv"
    table.write_text(table.read_text().replace("subclass", "my_type").replace("class", "sort"))
    keys = [
        os.fsencode(f"{answer}\r")
        for answer in ["stars", "lamost", *([] if given else [table]), *AFTER, "kind", "", ""]
    ]
    code, _, screen = in_terminal(["init", *(["--catalog", str(table)] if given else [])], archive, keys)
    assert code == 0, screen
    assert "there is no column 'kind'" in screen
    assert load_job(archive / "stars.toml").catalog.label == "my_type"


def test_without_a_label_no_key_that_needs_one_is_written(command, archive):
    path = archive / "stars.toml"
    assert command("init", path, *options(archive), "--label", "")[0] == 0
    job = load_job(path)
    assert (job.catalog.label, job.catalog.split) == (None, None)


def test_every_question_has_a_default_and_what_is_given_is_not_asked(archive):
    keys = [b"\r"] * 3
    words = ["init", "--survey", "skyserver", "--catalog", "my.csv", "--stages", "composites"]
    code, _, screen = in_terminal(words, archive, keys)
    assert code == 0, screen
    job = load_job(archive / "my-job.toml")
    assert (job.archive.survey, job.catalog.path, job.stages) == ("skyserver", "my.csv", ("composites",))
    assert "Catalogue" not in screen


def test_ctrl_c_at_a_question_leaves_nothing(archive):
    before = set(archive.iterdir())
    code, _, screen = in_terminal(["init"], archive, [b"\r", CTRL_C])
    assert code == 130
    assert "Stopped." in screen
    assert "to start again: survey-batch init" in screen
    assert set(archive.iterdir()) == before


def test_nothing_is_asked_outside_a_terminal(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = command("init")
    assert code == 2
    assert "name the file to write" in err
    assert command("init", "plain.toml")[0] == 0
    assert load_job("plain.toml").archive.survey == "sdss"


def test_products_that_a_survey_lacks_are_refused_before_anything_is_written(command, tmp_path):
    code, _, err = command("init", tmp_path / "new.toml", "--survey", "lamost", "--stages", "spectra,cutouts")
    assert code == 2
    assert "'cutouts' is no product of survey 'lamost'; there are spectra, features, predictions" in err
    assert not (tmp_path / "new.toml").exists()
