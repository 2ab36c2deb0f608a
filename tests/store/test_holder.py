import getpass
import socket

import psutil
import pytest

from survey_batch.store.holder import is_dead

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
