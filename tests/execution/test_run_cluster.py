"""A run has one cluster: opened when it is needed, with the workers of each phase in turn."""

from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest

from survey_batch.cluster.base import Connection, Size
from survey_batch.config.job import ClusterSection, Job
from survey_batch.execution import run_cluster
from survey_batch.execution.run_cluster import RunCluster
from survey_batch.monitor.progress import LineProgress


class Played:
    """Stands for `connect`, and notes what becomes of the cluster."""

    def __init__(self):
        self.done = []

    @contextmanager
    def connect(self, section, output, say, name):
        self.done.append(("open", name, section.workers))
        change = lambda section: self.done.append(("change", section.workers))  # noqa: E731
        yield Connection("client", "http://127.0.0.1:8787/status", lambda: Size(1, 1), change=change)
        self.done.append(("close",))


@contextmanager
def not_shown(*_, **__):
    yield lambda: None


@pytest.fixture
def played(monkeypatch):
    made = Played()
    monkeypatch.setattr(run_cluster, "connect", made.connect)
    monkeypatch.setattr(run_cluster, "shown", not_shown)
    monkeypatch.setattr(run_cluster, "watched_nodes", lambda *given: nullcontext(given[2]))
    monkeypatch.setattr(run_cluster, "joined", lambda client: Connection(client, "theirs", lambda: Size(1, 1)))
    return made


def job_with(kind="slurm", **gpu):
    cluster = ClusterSection(kind=kind, workers=4, **({"gpu": gpu} if gpu else {}))
    return Job.model_construct(name="stars", output="out", cluster=cluster, archive=SimpleNamespace(root="archive"))


def test_all_phases_have_one_scheduler_and_only_other_workers_are_a_change(played, capsys):
    with RunCluster(job_with(workers=2, gres="gpu:1"), LineProgress()) as cluster:
        made = [cluster.for_phase(phase) for phase in ("ingest", "prepare", "predict", "predict", "ingest")]
    assert len({id(connection) for connection in made}) == 1
    assert played.done == [("open", "stars", 4), ("change", 2), ("change", 4), ("close",)]
    assert capsys.readouterr().err.count("Dask dashboard: http://127.0.0.1:8787/status") == 1


def test_phases_with_the_same_workers_change_nothing_and_nothing_is_opened_without_need(played):
    with RunCluster(job_with(), LineProgress()) as cluster:
        cluster.for_phase("ingest")
        cluster.for_phase("predict")
    assert played.done == [("open", "stars", 4), ("close",)]
    with RunCluster(job_with(), LineProgress()):
        pass
    assert len(played.done) == 2


def test_a_user_s_own_cluster_stays_as_it_is(played):
    with RunCluster(job_with(workers=2, gres="gpu:1"), LineProgress(), "mine") as cluster:
        assert cluster.for_phase("ingest").client == cluster.for_phase("predict").client == "mine"
    assert played.done == []


@pytest.mark.parametrize(
    ("kind", "client", "watched"),
    [("slurm", None, "archive"), ("local", "mine", "archive"), ("local", None, None)],
)
def test_nodes_are_watched_where_workers_may_be_on_other_machines(played, kind, client, watched):
    with RunCluster(job_with(kind), LineProgress(), client) as cluster:
        cluster.for_phase("ingest")
        assert cluster.nodes == watched
