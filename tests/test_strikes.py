"""The tests' own hook that strikes a run at a chosen moment."""

import signal
import subprocess
import sys

import pytest

from tests.torture.strikes import Strike, striking

WRITES = """
import pathlib

for number in range(3):
    path = pathlib.Path(f"{number}.part")
    path.write_text("x")
    path.rename(f"{number}.json")
"""


def written(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix in (".part", ".json"))


@pytest.mark.parametrize(
    ("strike", "left"),
    [
        (Strike("rename", r"\.json$", nth=2), ["0.json", "1.part"]),
        (Strike("write", r"2\.part$"), ["0.json", "1.json"]),
    ],
    ids=["renamed", "written"],
)
def test_a_process_is_killed_just_before_the_chosen_access_and_only_once(tmp_path, strike, left):
    command = [sys.executable, "-c", WRITES]
    with striking(tmp_path / "strikes", [strike]) as struck:
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == -signal.SIGKILL
        assert written(tmp_path) == left
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0
    assert written(tmp_path)[-1] == "2.json"
    assert len(struck()) == 1


def test_a_command_is_done_instead_of_a_kill(tmp_path):
    strike = Strike("write", r"1\.part$", command=f"echo so >{tmp_path}/told")
    with striking(tmp_path / "strikes", [strike]):
        subprocess.run([sys.executable, "-c", WRITES], cwd=tmp_path, check=True)
    assert (tmp_path / "told").read_text() == "so\n"
