import json

import pytest
from typer.testing import CliRunner

from survey_batch.cli import make_app


@pytest.mark.parametrize("as_json", [True, False])
def test_the_folder_and_the_file_are_handed_on_and_the_file_is_told(monkeypatch, as_json):
    monkeypatch.setattr("survey_batch.models.engines.onnx_model.export_model", lambda folder, to: f"{folder} to {to}")
    result = CliRunner().invoke(make_app(), ["export-model", "models/x", "--to", "x.onnx", *["--json"] * as_json])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)["file"] if as_json else result.output.strip()
    assert told == "models/x to x.onnx"
