"""What all kinds of cluster share."""

import dask
import pytest
from distributed import Client as DaskClient
from distributed.comm import CommClosedError

from survey_batch.cluster import base
from survey_batch.cluster.base import QuietRetries, register
from survey_batch.cluster.running import joined


class Client:
    """A client whose workers die a few times while a plugin is registered."""

    def __init__(self, deaths, status="running"):
        self.deaths, self.status, self.asked = deaths, status, 0

    def register_plugin(self, plugin):
        self.asked += 1
        if self.asked <= self.deaths:
            raise CommClosedError("in <TLS>: Stream is closed")


def test_a_worker_that_dies_while_a_plugin_is_registered_ends_no_run(monkeypatch):
    monkeypatch.setattr("survey_batch.cluster.base.time.sleep", lambda _: None)
    client = Client(deaths=2)
    register(client, QuietRetries())
    assert client.asked == 3
    for lost in (Client(deaths=3), Client(deaths=1, status="closed")):
        with pytest.raises(CommClosedError):
            register(lost, QuietRetries())


@pytest.mark.parametrize("can_hang", [True, False])
def test_a_client_of_one_s_own_has_no_profiler_on_its_workers_where_that_can_stand_still(monkeypatch, can_hang):
    monkeypatch.setattr(base, "PROFILER_CAN_HANG", can_hang)
    with (
        dask.config.set({"distributed.worker.profile.enabled": True, "distributed.worker.profile.interval": "10s"}),
        DaskClient(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client,
    ):
        profilers = {each.periodic_callbacks["profile"] for each in client.cluster.workers.values()}
        joined(client)
        client.cluster.scale(2)
        client.wait_for_workers(2)
        assert {profiler.is_running() for profiler in profilers} == {not can_hang}
        assert {"profile" in each.periodic_callbacks for each in client.cluster.workers.values()} == {not can_hang}
