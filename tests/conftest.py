"""Fixtures shared by all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dask
import pytest
from distributed import Client
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

from survey_batch.core import interrupt
from survey_batch.core.environment import PROFILER_CAN_HANG, as_variable, compute_like_a_worker

compute_like_a_worker()  # as the command line does, before anything imports TensorFlow

if PROFILER_CAN_HANG:  # a cluster of a test's own, in this process or in others, stood still for ever
    dask.config.set({"distributed.worker.profile.enabled": False})
    os.environ[as_variable("distributed.worker.profile.enabled")] = "False"

# What passes here passes there: the same inputs are drawn each time. `make torture` draws others.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("repeatable")

LONGEST = ("integration/test_slurm.py", "tests/test_pythons.py", "tests/test_kernels.py")
SPLIT = ("tests/test_kernels.py", "tests/test_pythons.py::test_the_wheel")
"""Tests that share nothing with others of their module: each may run in a process of its own."""
ON_CLUSTER = ("test_lazy.py", "test_predictions.py", "test_stamps_job.py")
"""Modules whose workers import TensorFlow: kept together, they do so once, on one cluster."""
BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real survey data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if not (folder / "sdss").is_dir():
        pytest.skip(f"no real survey data in {folder} (set SURVEY_BATCH_DATA)")
    return folder


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Client of a small cluster in this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_interruption_of_another_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep what a command run in this process makes of signals, and those that came, to the test that ran it."""
    monkeypatch.setattr(interrupt, "_asked", [])
    before = {number: signal.getsignal(number) for number in interrupt.SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background processes ignore it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: modules stay whole, and the last one should not run alone at the end."""
    order = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> tuple[int, bool]:
        folder = item.path.parent.name
        return order.get(f"{folder}/{item.path.name}", len(order)), folder != "integration"

    items.sort(key=place)


class ByModule(LoadFileScheduling):
    """Hands out whole modules, as their tests share what takes long to set up; but for those named above."""

    def _split_scope(self, nodeid: str) -> str:
        module: str = super()._split_scope(nodeid)
        if nodeid.startswith(SPLIT):
            return nodeid
        if module.startswith("tests/notebook/"):
            return "in a notebook"  # its modules look at the same small outputs
        return "on a cluster" if module.endswith(ON_CLUSTER) else module


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByModule:
    """Say how tests are shared out among processes."""
    return ByModule(config, log)
