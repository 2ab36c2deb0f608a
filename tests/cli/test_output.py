"""`--json`: one object on standard output from each verb, also where it fails."""

import json

import pytest
from rich.table import Table

from docs.from_code import answers
from survey_batch import cli
from survey_batch.cli import output
from tests.cli.test_evaluate import scores


def program(command, *words):
    """Run a verb as a program would; return its exit code and the object, whose keys the reference must have."""
    code, out, _ = command(*words, "--json")
    answer = json.loads(out)
    assert not list(unexplained(str(words[0]), answer)), "the reference of --json lacks these keys"
    return code, answer


def unexplained(verb, answer):
    """Yield the keys of an answer that are not in the reference."""
    known = {}
    for part in (*answers.ANSWERS[answers.COMMON], *answers.ANSWERS.get(verb, ())):
        known.setdefault(part.path, set()).update(path.rpartition(".")[2] for path, _, _ in answers.keys(part))
    if verb in answers.SCORES:
        del known[""]
    for path, names in known.items():
        yield from (f"{path}.{name}" for one in objects_at(answer, path) for name in one if name not in names)


def objects_at(value, path):
    """Yield the objects at a path as `jq` writes it; `NAME` stands for any key."""
    if not path:
        yield from [value] if value else []
        return
    first, _, rest = path.partition(".")
    inner = value.values() if first == "NAME" else [value.get(first.removesuffix("[]"))]
    for one in inner:
        for item in (one or []) if first.endswith("[]") else [one or {}]:
            yield from objects_at(item, rest)


def test_each_verb_up_to_the_run_answers_with_its_facts(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, made = program(command, "simulate", "lamost", "archive", "--objects", 3)
    assert (code, made["catalog"]) == (0, "archive/catalog.csv")
    assert made["next"][0] == (
        "survey-batch init lamost-job.toml --survey lamost --catalog archive/catalog.csv --root archive"
    )
    words = made["next"][0].split()[1:]
    assert program(command, *words)[1]["file"] == "lamost-job.toml"
    code, found = program(command, "catalog", "lamost-job.toml")
    assert (code, found["rows"], found["next"]) == (0, 3, ["survey-batch plan lamost-job.toml"])
    code, cost = program(command, "plan", "lamost-job.toml")
    assert (code, cost["objects"]) == (0, 3)
    assert cost["next"][-1] == "survey-batch run lamost-job.toml"
    code, found = program(command, "doctor", "lamost-job.toml", "--no-workers")
    assert (code, found["ok"]) == (0, True)


def test_a_run_and_what_reads_it_answer_with_their_facts(command, job, tmp_path):
    change = ("--set", "shards.objects=3")
    code, done = program(command, "run", job, *change)
    assert (code, done["counts"]) == (0, {"ok": 8})
    assert done["next"] == [f"survey-batch {verb} {job} --set shards.objects=3" for verb in ("report", "export")]
    code, status = program(command, "status", job)
    assert (code, status["counts"]) == (0, {"ok": 8})
    assert status["stages"]
    assert status["runs"]
    code, page = program(command, "report", job, "--to", tmp_path / "page.html")
    assert (code, page) == (0, {"file": f"{tmp_path}/page.html"})
    code, file = program(command, "export", job, "--to", tmp_path / "out.parquet")
    assert (code, file["file"], file["rows"]) == (0, f"{tmp_path}/out.parquet", 8)


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_scores_are_facts(command, job, monkeypatch, verb):
    made = json.loads(json.dumps(scores(), default=str))
    monkeypatch.setattr("survey_batch.training.train.train", lambda *_, **__: scores())
    monkeypatch.setattr("survey_batch.training.evaluation.evaluate", lambda *_, **__: scores())
    code, answer = program(command, verb, job)
    answer.pop("next", None)
    assert (code, answer) == (0, made)


def test_lists_of_stars_are_facts(command, job, monkeypatch):
    monkeypatch.setattr("survey_batch.results.psf_stars.choose_psf_stars", lambda *_: [])
    monkeypatch.setattr("survey_batch.results.psf_stars.write_psf_stars", lambda *_: [("stars.parquet", 0)])
    assert program(command, "psf-stars", job) == (0, {"fields": {}, "files": ["stars.parquet"]})


VERBS = [command.name or command.callback.__name__ for command in cli.make_app().registered_commands]


MORE_WORDS = {"adopt": ("m.onnx", "--product", "spectra", "--outputs", "embedding"), "similar": ("an-id",)}
"""What verbs need besides a job file."""


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("init", "simulate", "export-model")])
def test_an_error_is_an_object_with_the_same_exit_code(command, tmp_path, verb):
    code, answer = program(command, verb, tmp_path / "none.toml", *MORE_WORDS.get(verb, ()))
    assert (code, answer["error"]["kind"]) == (2, "ConfigurationError")
    assert answer["error"]["message"].startswith("there is no job file")


def test_a_folder_without_a_classifier_is_an_object(command, tmp_path):
    code, answer = program(command, "export-model", tmp_path / "none", "--to", tmp_path / "m.onnx")
    assert (code, answer["error"]["kind"]) == (2, "ConfigurationError")
    assert "no trained classifier" in answer["error"]["message"]


@pytest.mark.parametrize("words", [("init", "x.toml", "--survey", "none"), ("simulate", "none", "folder")])
def test_an_unknown_survey_is_an_object(command, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    code, answer = program(command, *words)
    assert (code, answer["error"]["kind"]) == (2, "ConfigurationError")


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_option_is_an_object(command, verb):
    code, answer = program(command, verb, "--no-such-option")
    assert (code, answer["error"]["kind"]) == (2, "UsageError")
    assert "--no-such-option" in answer["error"]["message"]


def test_what_was_found_before_an_error_is_told_beside_it(command, job):
    assert command("run", job)[0] == 0
    code, answer = program(command, "plan", job, "--set", "spectra.wavelength_max=9000.0")
    assert (code, answer["error"]["kind"], answer["objects"]) == (3, "PlanMismatchError", 8)


def test_a_defect_is_an_object_and_a_traceback(command, job, monkeypatch, capfd):
    monkeypatch.setattr("survey_batch.report.write_report", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        command("report", job, "--json")
    assert json.loads(capfd.readouterr().out)["error"] == {"kind": "ZeroDivisionError", "message": "division by zero"}


def test_progress_goes_to_standard_error(command, job):
    code, out, err = command("catalog", job, "--json")
    assert code == 0
    assert f"reading {job}" in err.splitlines()
    assert "reading the catalogue" in err
    assert json.loads(out)["rows"] == 8


def test_in_a_pipe_a_row_of_a_table_is_one_line_unless_a_width_is_asked_for(monkeypatch, capsys):
    path, table = "a folder/" * 30, Table.grid()
    table.add_row(path)
    for columns, lines in ((None, 1), ("50", 6)):
        monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
        output._console(stderr=False).print(table)
        assert len(capsys.readouterr().out.splitlines()) == lines


def test_in_a_pipe_a_long_reason_does_not_make_the_other_lines_long(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(output, "console", output._console(stderr=False))
    table = Table("how many", "reason", box=None, title="problems", title_justify="left")
    table.add_row("1", "short")
    table.add_row("2", "word " * 100)
    output.Answer().show(table)
    assert max(map(len, capsys.readouterr().out.splitlines()[:3])) < 30


def test_notes_among_the_result_look_like_those_beside_it(capsys, monkeypatch):
    monkeypatch.setattr(output, "console", output._console(stderr=False))
    output.Answer().note(["a column is empty"])
    assert capsys.readouterr().out == "note: a column is empty\n"
