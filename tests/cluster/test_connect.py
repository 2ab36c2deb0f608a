"""A cluster as a run opens it: the dashboard is where the job wants it, or the run says where it is."""

from contextlib import contextmanager

import pytest

from survey_batch import cluster
from survey_batch.cluster import ClusterKind, connect
from survey_batch.cluster.base import Connection, Size
from survey_batch.config.job import ClusterSection


@pytest.mark.parametrize(
    ("asked", "given", "said"),
    [
        ("127.0.0.1:8787", "http://127.0.0.1:8787/status (from elsewhere, first: ssh …)", []),
        ("127.0.0.1:0", "http://127.0.0.1:40123/status", []),
        (
            ":8787",
            "http://127.0.0.1:40123/status",
            ["port 8787 of cluster.dashboard is taken on this machine, so the dashboard is at port 40123"],
        ),
    ],
)
def test_a_dashboard_at_another_port_than_the_job_fixes_is_told(monkeypatch, asked, given, said):
    class Here(ClusterKind):
        """A kind whose dashboard is somewhere."""

        @contextmanager
        def connect(self, section, output, say, name):
            yield Connection(None, given, lambda: Size(1, 1))

    monkeypatch.setattr(cluster, "kind_of", lambda _: Here())
    told = []
    with connect(ClusterSection(dashboard=asked, dashboard_open_to_network=True), say=told.append):
        assert told == said
