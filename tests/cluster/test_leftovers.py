import gc

import pytest
from distributed.dashboard import scheduler as dashboard
from distributed.scheduler import Scheduler

from survey_batch.cluster import connect
from survey_batch.cluster.leftovers import forget_schedulers
from survey_batch.config.job import ClusterSection


def schedulers():
    return [one for one in gc.get_objects() if isinstance(one, Scheduler)]


@pytest.mark.slow
def test_nothing_is_left_of_a_runs_scheduler():
    before = {id(one) for one in schedulers()}  # of tests before
    with connect(ClusterSection(workers=1, memory="1 GB")):
        pass
    gc.collect()
    assert [one for one in schedulers() if id(one) not in before] == []


def test_a_version_of_dask_without_these_caches_is_no_fault(monkeypatch):
    monkeypatch.delattr("distributed.core._expects_comm")
    monkeypatch.setattr(dashboard, "template_variables", dict)
    forget_schedulers()
