import os
import sys
from types import SimpleNamespace

import pytest
from distributed.comm import CommClosedError
from pydantic import ValidationError

from survey_batch.cluster import connect
from survey_batch.cluster.base import QuietRetries, register
from survey_batch.cluster.launch import Launcher
from survey_batch.cluster.local import GONE_SECONDS, LostWorkers
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError, SurveyBatchError


def test_an_unknown_kind_is_refused_with_what_is_allowed():
    with pytest.raises(ValidationError, match="there are local, running, slurm, srun.*scheduler file"):
        ClusterSection(kind="cloud")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("survey_batch.cluster.running.CONNECT_SECONDS", 1)
    section = ClusterSection(kind="tcp://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="no Dask scheduler answers at tcp://127.0.0.1:1"), connect(section):
        pass


def test_a_local_cluster_listens_on_loopback_alone():
    with connect(ClusterSection(workers=1, memory="1 GB")) as connection:
        client = connection.client
        info = client.scheduler_info()
        addresses = [info["address"], *info["workers"]]
        assert all(address.startswith("tcp://127.0.0.1:") for address in addresses)
        assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_local_workers_see_the_environment_of_now_and_no_library_of_machine_learning(monkeypatch):
    for value in ("before", "now"):
        monkeypatch.setenv("SURVEY_BATCH_TEST", value)
        with connect(ClusterSection(workers=1, memory="1 GB")) as connection:
            (seen,) = connection.client.run(lambda: (os.environ["SURVEY_BATCH_TEST"], set(sys.modules))).values()
            assert seen[0] == value
            assert not {"tensorflow", "keras", "sklearn", "torch", "jax"} & seen[1]


def test_a_machine_whose_workers_stay_away_ends_the_run(monkeypatch):
    clock, workers = [0.0], {}
    monkeypatch.setattr("survey_batch.cluster.local.time.monotonic", lambda: clock[0])
    watch = LostWorkers(workers)
    clock[0] = GONE_SECONDS - 1
    watch.check()
    workers["one"] = "alive"
    watch.check()
    workers.clear()
    clock[0] += GONE_SECONDS
    watch.check()
    clock[0] += 1
    with pytest.raises(SurveyBatchError, match="no worker of this machine has been alive for 300 s"):
        watch.check()


def test_without_tls_a_network_must_be_named():
    section = ClusterSection(kind="slurm", workers=1, tls=False)
    with pytest.raises(ConfigurationError, match=r"would listen on all networks.* such as \"ib0\""), connect(section):
        pass


def test_a_step_that_failed_is_told_by_what_it_wrote_not_by_its_script(tmp_path):
    for name, text in (("worker-step0.log", "no such module"), ("worker-step0.sh", "exec dask worker")):
        (tmp_path / name).write_text(text)
    assert Launcher.log_of(SimpleNamespace(folder=tmp_path), "step0") == "no such module"


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
