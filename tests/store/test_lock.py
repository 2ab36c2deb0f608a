import getpass
import json
import socket
import subprocess
import sys
import time

import psutil
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.store.lock import is_dead, locked
from tests.patience import PATIENCE

HOLD = """
import sys, time
from survey_batch.store.lock import is_dead, locked
with locked(sys.argv[1]):
    print('held', flush=True)
    time.sleep(3600)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_refused_with_the_holder_s_name(tmp_path, holder):
    with pytest.raises(ConfigurationError, match=f"process {holder.pid}.*--break-lock"), locked(str(tmp_path)):
        pass


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, holder):
    holder.kill()  # not reaped yet: it stays as a zombie
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with locked(str(tmp_path)):
                return
        except ConfigurationError:
            time.sleep(0.05)
    pytest.fail("the dead holder's lock was never taken over")


def test_the_lock_of_another_machine_is_respected_until_forced(tmp_path):
    other = {"host": "elsewhere", "pid": 1, "started": 0.0, "user": "ada", "since": "yesterday"}
    (tmp_path / "lock.json").write_text(json.dumps(other))
    with pytest.raises(ConfigurationError, match="of ada on elsewhere"), locked(str(tmp_path)):
        pass
    with locked(str(tmp_path), force=True):
        assert json.loads((tmp_path / "lock.json").read_text())["host"] != "elsewhere"


def test_the_lock_is_gone_afterwards_even_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), locked(str(tmp_path)):
        raise RuntimeError
    assert not (tmp_path / "lock.json").exists()


def test_a_driver_that_slurm_started_again_takes_over_the_lock_of_its_first_life(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    first = {"host": "n1", "pid": 1, "started": 0.0, "user": "ada", "since": "now", "slurm_job": "17"}
    (tmp_path / "lock.json").write_text(json.dumps({**first, "slurm_restart": "1"}))
    with pytest.raises(ConfigurationError, match="of ada on n1"), locked(str(tmp_path)):
        pass
    (tmp_path / "lock.json").write_text(json.dumps({**first, "slurm_restart": "0"}))
    with locked(str(tmp_path)):
        assert json.loads((tmp_path / "lock.json").read_text())["slurm_restart"] == "1"


ME = {"pid": 1, "started": 0.0, "user": getpass.getuser(), "slurm_job": "17", "slurm_cluster": "here"}


@pytest.fixture
def slurm_lists(tmp_path, monkeypatch):
    """Commands of a SLURM whose cluster is called `here`, and that lists some jobs."""

    def lists(jobs):
        for name, said in (("squeue", jobs), ("scontrol", "Configuration data\nClusterName             = here\n")):
            command = tmp_path / name
            command.write_text(f"#!/bin/sh\nprintf '{said}'\n")
            command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        monkeypatch.delenv("SLURM_JOB_ID", raising=False)

    return lists


@pytest.mark.parametrize(("listed", "dead"), [("16\n17\n", False), ("16\n", True), ("", True)])
def test_a_driver_whose_slurm_job_ended_is_dead_on_any_machine(slurm_lists, listed, dead):
    slurm_lists(listed)
    assert is_dead({**ME, "host": "n1"}) is dead


@pytest.mark.parametrize("other", [{"user": "ada"}, {"slurm_cluster": "elsewhere"}])
def test_a_job_that_slurm_would_not_list_here_is_not_known_to_be_dead(slurm_lists, other):
    slurm_lists("")
    assert not is_dead({**ME, "host": "n1", **other})


def test_a_process_that_lives_here_is_not_dead_whatever_became_of_the_job_it_was_started_in(slurm_lists):
    slurm_lists("")
    process = psutil.Process()
    alive = {**ME, "host": socket.gethostname(), "pid": process.pid, "started": process.create_time()}
    assert not is_dead(alive)
    assert is_dead({**alive, "started": 0.0})
