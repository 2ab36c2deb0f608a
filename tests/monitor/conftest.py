from types import SimpleNamespace

import pytest

from survey_batch.monitor.plugin import Monitor


@pytest.fixture
def monitor():
    """A monitor on a scheduler without workers."""
    made = Monitor()
    semaphores = SimpleNamespace(max_leases={}, leases={})
    made.scheduler = SimpleNamespace(workers={}, extensions={"semaphores": semaphores})
    return made
