"""What SLURM says, judged; `tests/integration/test_doctor_slurm.py` asks a real one."""

import dask
import pytest

from survey_batch.cluster.slurm_checks import (
    advise_on_refusal,
    find_partition,
    judge_drain,
    judge_partition,
    parse_partitions,
)
from survey_batch.cluster.tables import Table
from survey_batch.config.job import ClusterSection
from survey_batch.core.findings import Site, State

SITE = Site("here")
SINFO = """standard*|up|1-00:00:00|idle|3|40|192000
standard*|up|1-00:00:00|down*|1|16|64000
gpu|up|infinite|allocated|2|16|64000
old|inact|infinite|idle|1|40|192000
broken|up|infinite|drained|4|40|192000
short|up|30:00|idle|1|40|192000
"""
NODES = "a job runs on one node, and nodes of standard have 40 cores and 201.3 GB or 16 cores and 67.1 GB"


def table(**keys):
    return Table(
        "cluster", ClusterSection(**{"kind": "slurm", "walltime": "4:00:00", **keys}), "all phases", predicts=False
    )


@pytest.mark.parametrize(
    ("partition", "state", "said"),
    [
        ("standard", State.OK, "standard is up: 1 down*, 3 idle"),
        (None, State.OK, "standard is up"),
        ("gpu", State.OK, "2 allocated"),
        ("nothere", State.FAILED, "there is no partition 'nothere'; there are standard, gpu"),
        ("old", State.FAILED, "old is not up"),
        ("broken", State.WARNING, "no node that works now: 4 drained"),
        ("short", State.FAILED, "short allows 1800 s, but the walltime is 14400 s"),
    ],
)
def test_a_partition_is_judged_by_what_sinfo_says(partition, state, said):
    finding = judge_partition(SITE, table(partition=partition), parse_partitions(SINFO))
    assert finding.state == state, finding
    assert said in finding.found


@pytest.mark.parametrize(
    ("keys", "advice"),
    [
        (
            {"processes": 32, "memory": "8 GB"},
            f"lower cluster.processes or cluster.memory: {NODES}",
        ),
        (
            {"memory": "250 GB"},
            f"lower cluster.memory: {NODES}",
        ),
        ({"threads": 64, "memory": "8 GB"}, f"lower cluster.threads: {NODES}"),
        ({"processes": 2, "cores": 64, "memory": "8 GB"}, f"lower cluster.cores: {NODES}"),
        ({"partition": "empty", "memory": "8 GB"}, "correct [cluster]; these are SLURM's own words"),
        ({"processes": 32, "memory": "4 GB"}, "correct [cluster]; these are SLURM's own words"),
        ({"partition": "nothere", "memory": "250 GB"}, "correct [cluster]; these are SLURM's own words"),
    ],
)
def test_a_refused_job_that_no_node_can_hold_is_told_what_nodes_have(keys, advice):
    partitions = parse_partitions(f"{SINFO}empty|up|infinite||0|0|0\n")
    assert advise_on_refusal(table(**keys), find_partition(table(**keys).section, partitions)) == advice


@pytest.mark.parametrize(
    ("margin", "state"), [(None, State.OK), (600, State.OK), (12_000, State.FAILED), (14_400, State.FAILED)]
)
def test_a_worker_must_have_time_to_work_before_it_drains(margin, state):
    with dask.config.set({"jobqueue.slurm.walltime": "4:00:00"}):  # the site's, which the job file does not know
        assert judge_drain(SITE, table(walltime=None, drain_seconds=margin)).state == state
