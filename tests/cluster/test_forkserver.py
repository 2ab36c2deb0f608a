import os
import subprocess
import sys
from multiprocessing import forkserver, spawn

import pytest

from survey_batch.cluster.forkserver import WORKER_PROCESSES, begin_early, script_left_alone
from survey_batch.core.environment import WORKER_ENVIRONMENT
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

JOB = """
name = "script"
output = "{folder}/out"
stages = ["spectra"]
catalog = {{ path = "{folder}/archive/catalog.csv" }}
archive = {{ survey = "lamost", root = "{folder}/archive" }}
cluster = {{ workers = 2, memory = "1 GB" }}
"""

UNGUARDED = """
import survey_batch as sb
from survey_batch.execution.runner import run
print("begun")
print(run(sb.load_job({job!r})).counts)
"""


@pytest.fixture
def from_a_script(monkeypatch, tmp_path):
    script = sys.modules["__main__"]
    monkeypatch.setattr(script, "__spec__", None)
    monkeypatch.setattr(script, "__file__", str(tmp_path / "script.py"), raising=False)


def test_workers_do_not_import_the_script_that_starts_them_and_other_processes_do(from_a_script):
    with script_left_alone():
        worker, other = (spawn.get_preparation_data(name) for name in (f"{WORKER_PROCESSES} (from Nanny)", "mine"))
    assert not [key for key in worker if key.startswith("init_main")]
    assert "init_main_from_path" in other
    assert "init_main_from_path" in spawn.get_preparation_data(WORKER_PROCESSES)


def test_a_script_without_a_guard_runs_its_job_once(tmp_path):
    make_archive(tmp_path / "archive", 8)
    (tmp_path / "job.toml").write_text(JOB.format(folder=tmp_path))
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(job=str(tmp_path / "job.toml")))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["begun", "{'ok': 8}"]
    assert "Traceback" not in done.stderr


@pytest.fixture
def begun(monkeypatch):
    """What was begun: the modules to import, and the environment."""
    seen, modules = [], []
    context = forkserver._forkserver
    monkeypatch.setattr(context, "set_forkserver_preload", modules.extend)
    monkeypatch.setattr(forkserver, "set_forkserver_preload", modules.extend)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: seen.append((modules, dict(os.environ))))
    return seen


ARCHIVE = {"catalog": {"path": "c.csv"}, "archive": {"survey": "lamost", "root": "files"}}


@pytest.mark.skipif(sys.platform != "linux", reason="no process is copied elsewhere")
def test_what_workers_are_copies_of_begins_with_the_stages_of_the_job_and_in_a_workers_environment(begun):
    before = dict(os.environ)
    begin_early(lamost_job(ARCHIVE, "out"))
    ((modules, environment),) = begun
    assert {"survey_batch.stages.spectra", "survey_batch.stages.spectral_features"} < set(modules)
    assert not [name for name in modules if "cutouts" in name]
    assert modules[-1] == "survey_batch.cluster.frozen"
    assert environment.items() >= WORKER_ENVIRONMENT.items()
    assert dict(os.environ) == before


def test_nothing_begins_here_where_workers_are_elsewhere(begun):
    begin_early(lamost_job(ARCHIVE, "out", cluster={"kind": "slurm", "workers": 2}))
    assert begun == []
