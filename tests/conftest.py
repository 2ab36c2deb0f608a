"""Fixtures shared by all tests."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from survey_batch import interrupt
from survey_batch.environment import compute_like_a_worker

compute_like_a_worker()  # as the command line does, before anything imports TensorFlow

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

LONGEST = ("test_slurm.py", "test_pythons.py", "test_kernels.py")
BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real survey data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if not (folder / "sdss").is_dir():
        pytest.skip(f"no real survey data in {folder} (set SURVEY_BATCH_DATA)")
    return folder


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
    items.sort(key=lambda item: (item.path.name not in LONGEST, item.path.parent.name != "integration"))
