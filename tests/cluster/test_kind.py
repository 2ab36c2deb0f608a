"""The kind of cluster that a table names, and how many workers it asks for."""

import os

import pytest

from survey_batch.cluster.kind import ClusterKind, kind_of, worker_count
from survey_batch.cluster.tables import Table
from survey_batch.config.job import ClusterSection
from survey_batch.core.findings import Site, State


class Plain(ClusterKind):
    """A kind that says nothing but how to connect."""

    def connect(self, section, output, say, name):
        raise NotImplementedError


@pytest.mark.parametrize(("kind", "elsewhere"), [("local", False), ("slurm", True), ("srun", True)])
def test_a_kind_knows_whether_its_workers_may_be_elsewhere(kind, elsewhere):
    assert kind_of(ClusterSection(kind=kind)).elsewhere == elsewhere


def test_workers_are_as_many_as_asked_for_or_as_there_are_cores():
    assert worker_count(ClusterSection(workers=3)) == 3
    assert worker_count(ClusterSection()) == len(os.sched_getaffinity(0))


def test_a_kind_without_checks_of_its_own_says_so_and_all_its_tables_can_be_asked():
    section = ClusterSection()
    tables = [Table("cluster", section, "all phases", predicts=False)]
    steps = Plain().findings(Site("here"), tables, "log")
    finding = next(steps)
    assert finding.state is State.OK
    assert '"local", by tests; it has no checks of its own' in finding.found
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value is tables
    Plain().check_file(section)
    Plain().check_run(section)
