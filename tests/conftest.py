"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

from survey_batch.environment import WORKER_ENVIRONMENT

# As the command line does, before anything imports TensorFlow: other kernels round otherwise, by place in a batch.
for name in ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS"):
    os.environ.setdefault(name, WORKER_ENVIRONMENT[name])

ONE_AT_A_TIME = ("test_slurm.py", "test_doctor_slurm.py")
"""Modules that start a SLURM: there is one on a machine."""

BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real survey data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if not (folder / "sdss").is_dir():
        pytest.skip(f"no real survey data in {folder} (set SURVEY_BATCH_DATA)")
    return folder


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module in one process, as they share fixtures, and begin with those that take longest."""
    items.sort(key=_may_go_on_beside_others)
    for item in items:
        place = str(item.path) if _may_go_on_beside_others(item) else "slurm"
        item.add_marker(pytest.mark.xdist_group(place))


def _may_go_on_beside_others(item: pytest.Item) -> bool:
    return item.path.parent.name != "integration" or item.path.name not in ONE_AT_A_TIME
