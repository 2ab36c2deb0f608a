"""The package, from its wheel, on the newest Python that this machine has; and stores of one under another."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[1]
SMOKE = Path(__file__).parent / "smoke.py"
NEWER = ("3.14", "3.13", "3.12")
"""Versions beside this one, the newest first. Only the newest that is there is tried: installing takes minutes."""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def pythons():
    """Interpreters of newer versions, from the path and from pyenv, by their version."""
    folders = [*os.environ.get("PATH", "").split(":"), *Path.home().glob(".pyenv/versions/*/bin")]
    found = {}
    for version in NEWER:
        for path in (Path(folder) / f"python{version}" for folder in folders):
            if version != HERE and version not in found and runs(path, version):
                found[version] = path
    return found


def runs(path, version):
    """Tell whether this is such a Python: a shim may stand for none."""
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == version


def call(*command, **environment):
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", folder, PROJECT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Makes a bare environment that holds the wheel and what it asks for; returns its Python."""

    @cache
    def install(version):
        base = sys.executable if version == HERE else pythons()[version]
        folder = tmp_path_factory.mktemp(f"python{version}")
        call(sys.executable, "-m", "uv", "venv", "--quiet", "--python", base, folder / "venv")
        python = folder / "venv" / "bin" / "python"
        arguments = ["--quiet", "--python", python, "-c", "constraints.txt", f"{wheel}[tensorflow]"]
        call(sys.executable, "-m", "uv", "pip", "install", *arguments)
        return python

    return install


def smoke(python, *arguments):
    return call(python, SMOKE, *arguments)


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    smoke(sys.executable, "archives", folder)
    return folder


@pytest.fixture(scope="module")
def made_here(archives, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made-here")
    smoke(sys.executable, "jobs", folder, archives)
    return folder


def test_a_job_of_each_survey_runs_and_its_stores_are_read_and_gone_on_with_by_both(
    installed, archives, made_here, tmp_path
):
    newest = next(filter(pythons().get, NEWER), None)
    if newest is None:
        pytest.skip(f"no Python of {', '.join(NEWER)} is on this machine")
    python = installed(newest)
    smoke(python, "jobs", tmp_path, archives)
    theirs = json.loads(smoke(python, "digest", tmp_path))
    assert json.loads(smoke(sys.executable, "digest", tmp_path)) == theirs, "what the other wrote is read alike here"
    ours = json.loads(smoke(sys.executable, "digest", made_here))
    assert json.loads(smoke(python, "digest", made_here)) == ours, "what was written here is read alike by the other"
    smoke(sys.executable, "again", tmp_path)
    assert json.loads(smoke(sys.executable, "digest", tmp_path)) == theirs, "and gone on with here"
    smoke(python, "again", made_here)
    assert json.loads(smoke(python, "digest", made_here)) == ours, "and by the other"


def test_the_wheel_in_a_bare_environment_runs_the_demo(installed, tmp_path):
    python = installed(HERE)
    call("cp", "-r", PROJECT / "jobs", tmp_path)
    nowhere = {"SURVEY_BATCH_DATA": str(tmp_path / "no-data"), "PATH": f"{python.parent}:{os.environ['PATH']}"}
    said = call("bash", tmp_path / "jobs" / "demo.sh", **nowhere, PYTHONPATH="")
    assert "Open runs/sdss-cutouts/report.html" in said
    for name in ("sdss-cutouts", "lamost-types"):
        assert (tmp_path / "runs" / name / "report.html").stat().st_size > 100_000
