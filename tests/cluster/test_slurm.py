"""What is known of a worker's death on SLURM."""

from types import SimpleNamespace

import pytest

from survey_batch.cluster.launch import JobState
from survey_batch.cluster.reconcile import Submitted
from survey_batch.cluster.slurm import BY_ITSELF, SlurmWorkers
from survey_batch.cluster.words import End

HERE = "tls://n1:1"


def death(now=HERE, end=None, state=None):
    """The death of a worker of job 7, whose name may have another address now, or whose job may have ended."""
    jobs = {} if state is None else {"7": Submitted(JobState(state), 0.0, connected=True)}
    looked_at = SimpleNamespace(
        arrivals=SimpleNamespace(addresses={"survey-batch_7-0": now}),
        reconciler=SimpleNamespace(ends={} if end is None else {"7": end}, jobs=jobs),
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
        ({"state": "RUNNING"}, None),
        ({"state": "COMPLETING"}, None),
        ({}, None),
        ({"state": "SUSPENDED"}, False),
        ({"state": "PENDING"}, False),
    ],
    ids=str,
)
def test_a_death_is_judged_by_what_became_of_the_job(keys, guilty):
    assert death(**keys).guilty is guilty
    assert "7" in death(**keys).told


def test_only_a_death_at_the_time_limit_asks_for_smaller_shards_or_more_time():
    advice = death(end=End("TIMEOUT", "0:15", "n1")).advice
    assert "shards.objects" in advice
    assert "cluster.walltime" in advice
    assert not death(end=End("PREEMPTED", "0:15", "n1")).advice


@pytest.mark.parametrize("keys", [{"state": "RUNNING"}, {"end": End("PREEMPTED", "0:15", "n1")}], ids=str)
def test_a_process_that_was_started_again_had_died_by_itself_whatever_became_of_the_job_later(keys):
    found = death(now="tls://n1:2", **keys)
    assert (found.guilty, found.told) == (True, BY_ITSELF)
