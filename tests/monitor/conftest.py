from types import SimpleNamespace

import pytest

from survey_batch.monitor.plugin import Monitor


@pytest.fixture
def make_monitor():
    """Make a monitor on a scheduler without workers."""

    def make():
        made = Monitor()
        semaphores = SimpleNamespace(max_leases={}, leases={})
        made.scheduler = SimpleNamespace(workers={}, extensions={"semaphores": semaphores})
        return made

    return make


@pytest.fixture
def monitor(make_monitor):
    """A monitor on a scheduler without workers."""
    return make_monitor()
