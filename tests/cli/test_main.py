"""The way into the command line: what happens before it is imported."""

import subprocess
import sys

import pytest

from survey_batch.core import interrupt
from tests.patience import PATIENCE

STRUCK = """
import os, sys

class Strike:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})

sys.meta_path.insert(0, Strike())
sys.argv = ["survey-batch", "plan", "nothing.toml"]
from survey_batch.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [int(number) for number in interrupt.SIGNALS])
@pytest.mark.parametrize("module", ["survey_batch.cli", "typer", "survey_batch.cli.verify"])
def test_an_interruption_during_the_imports_ends_without_a_word(module, number, tmp_path):
    code = STRUCK.format(module=module, number=number)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_module_runs_as_the_command_does(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "survey_batch", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE,
        check=True,
    )
    assert ended.stdout.startswith("survey-batch ")
