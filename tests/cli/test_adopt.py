import json

import pytest
from typer.testing import CliRunner

from survey_batch.cli import make_app
from survey_batch.training.adoption import Adoption
from tests.report.outputs import spectra_job

ROWS = [
    {"object_id": "a-1", "label": "A", "answer": "A 0.97"},
    {"object_id": "a-2", "label": "", "answer": "none"},
]
DONE = Adoption("models/own", "onnx", "spectra", ["flux"], ["nan:zero"], {"x": [40]}, "classes", ROWS)


@pytest.fixture
def adopted(monkeypatch, tmp_path):
    """Run the verb on a job that nothing reads, and hear what it was asked for."""
    asked = {}

    def adopt(*given, **wanted):
        asked.update(wanted, given=given[0:1] + given[2:])
        return DONE

    monkeypatch.setattr("survey_batch.training.adoption.adopt", adopt)
    monkeypatch.setattr("survey_batch.config.jobfile.load_job", lambda *_: spectra_job("out", ("spectra",)))
    (tmp_path / "job.toml").touch()

    def run(*arguments):
        result = CliRunner().invoke(make_app(), ["adopt", str(tmp_path / "job.toml"), "net.onnx", *arguments])
        assert result.exit_code == 0, result.output
        return asked, result.output

    return run


def test_what_is_not_said_is_left_to_the_function(adopted):
    asked, text = adopted("--product", "spectra", "--outputs", "classes:A,F")
    assert [str(word) for word in asked.pop("given")] == ["net.onnx", "spectra", "classes:A,F", "None"]
    assert not any(asked.values())
    assert "a-1     A      A 0.97" in text


def test_what_is_said_is_handed_on_and_steps_stay_in_order(adopted):
    words = ("--product", "spectra", "--outputs", "values:z", "--to", "m", "--variables", "flux, ivar", "--errors")
    steps = ("--preprocess", "mask", "--preprocess", "grid:log,4000,8000,10", "--take", "a,b", "--logits", "--replace")
    asked, _ = adopted(*words, *steps)
    assert asked["preprocess"] == ["mask", "grid:log,4000,8000,10"]
    assert (asked["variables"], asked["take"]) == ("flux, ivar", "a,b")
    assert all(asked[name] for name in ("errors", "logits", "replace"))


def test_the_next_command_names_the_folder_and_adds_the_stage(adopted):
    _, text = adopted("--product", "spectra", "--outputs", "embedding", "--json")
    facts = json.loads(text[text.index("{") :])
    assert facts["rows"] == ROWS
    (command,) = facts["next"]
    assert "--set predictions.classifier=models/own" in command
    assert '--set \'stages=["spectra", "predictions"]\'' in command
