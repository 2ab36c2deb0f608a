"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

from survey_batch.environment import WORKER_ENVIRONMENT

# As the command line does, before anything imports TensorFlow: other kernels round otherwise, by place in a batch.
for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
    os.environ.setdefault(name, WORKER_ENVIRONMENT[name])

BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real survey data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if not (folder / "sdss").is_dir():
        pytest.skip(f"no real survey data in {folder} (set SURVEY_BATCH_DATA)")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: modules stay whole, and the last one should not run alone at the end."""
    items.sort(key=lambda item: (item.path.name != "test_slurm.py", item.path.parent.name != "integration"))
