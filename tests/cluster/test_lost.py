"""Dask's many errors when its scheduler disappears are one of ours; others stay what they are."""

from concurrent.futures import CancelledError
from types import SimpleNamespace

import pytest
from distributed.comm import CommClosedError

from survey_batch.cluster.lost import LostSchedulerError, scheduler_watched


def client(status="running", address="tcp://a:1"):
    return SimpleNamespace(status=status, scheduler=SimpleNamespace(address=address) if address else None)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CancelledError(), "running"),
        (CommClosedError("closed"), "running"),
        (OSError("broken pipe"), "closed"),
        (RuntimeError("no event loop"), "connecting"),
    ],
)
def test_an_error_of_a_lost_scheduler_says_where_it_was_and_what_to_do(error, status):
    said = "at tcp://a:1.*run the same command again"
    with pytest.raises(LostSchedulerError, match=said) as lost, scheduler_watched(client(status)):
        raise error
    assert lost.value.__cause__ is error


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("a defect"), ValueError("a defect")])
def test_an_error_while_the_scheduler_is_there_stays(error):
    with pytest.raises(type(error)) as raised, scheduler_watched(client()):
        raise error
    assert raised.value is error


def test_a_client_that_never_had_a_scheduler_can_be_lost_too():
    assert "at ?. Finished shards" in str(LostSchedulerError(client(address=None)))
