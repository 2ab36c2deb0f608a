"""What all kinds of cluster share."""

import pytest
from distributed.comm import CommClosedError

from survey_batch.cluster.base import QuietRetries, register


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
