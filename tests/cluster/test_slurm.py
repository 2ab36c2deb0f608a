"""What is known of a worker's death on SLURM."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from survey_batch.cluster.slurm import BY_ITSELF, Arrivals, SlurmWorkers
from survey_batch.cluster.words import End

HERE = "tls://n1:1"


def death(now=HERE, end=None, paused=False):
    """The death of a worker of job 7, whose name may have another address now, or whose job may have ended."""
    arrivals = Arrivals(lambda job: paused and job == "7")
    for address in (HERE, now):
        name = SimpleNamespace(name="survey-batch_7-0")
        arrivals.add_worker(SimpleNamespace(workers={address: name}), address)
        if address == HERE:
            arrivals.remove_worker(SimpleNamespace(workers={}), HERE, stimulus_id="silent")
    looked_at = SimpleNamespace(
        arrivals=arrivals,
        reconciler=SimpleNamespace(ends={} if end is None else {"7": end}),
        launcher=SimpleNamespace(folder=Path("out/log/slurm/now")),
    )
    return SlurmWorkers.death_of(looked_at, "survey-batch_7-0", HERE)


@pytest.mark.parametrize(
    ("keys", "guilty"),
    [
        ({"end": End("PREEMPTED", "0:15", "n1")}, False),
        ({"end": End("OUT_OF_MEMORY", "0:125", "n1")}, True),
        ({"end": End("TIMEOUT", "0:15", "n1")}, True),
        ({"end": End("COMPLETED", "0:0", "n1")}, False),
        ({"end": End()}, False),
        ({"end": End("REQUEUED")}, False),
        ({}, None),
        ({"paused": True}, False),
    ],
    ids=str,
)
def test_a_death_is_judged_by_what_became_of_the_job(keys, guilty):
    assert death(**keys).guilty is guilty
    assert "7" in death(**keys).told


@pytest.mark.parametrize(
    ("state", "keys"),
    [
        ("TIMEOUT", ("shards.objects", "cluster.walltime")),
        ("OUT_OF_MEMORY", ("shards.objects", "cluster.memory")),
        ("FAILED", ("cluster.memory", "shards.objects", "if memory was not short", "log in out/log/slurm/now")),
    ],
)
def test_a_death_names_the_keys_to_change_and_where_the_log_is_if_nobody_knows_of_what_it_was(state, keys):
    advice = death(end=End(state, "0:15", "n1")).advice
    assert all(key in advice for key in keys)
    assert death(now="tls://n1:2").advice == death(end=End("FAILED")).advice


def test_a_process_that_is_started_again_after_its_job_was_suspended_had_not_died_by_itself():
    found = death(now="tls://n1:2", paused=True)
    assert (found.guilty, found.told) == (False, "its job 7 was suspended")


@pytest.mark.parametrize("keys", [{}, {"end": End("PREEMPTED", "0:15", "n1")}], ids=str)
def test_a_process_that_was_started_again_had_died_by_itself_whatever_became_of_the_job_later(keys):
    found = death(now="tls://n1:2", **keys)
    assert (found.guilty, found.told) == (True, BY_ITSELF.format(7))
