"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real survey data; tests that need it skip where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if not (folder / "sdss").is_dir():
        pytest.skip(f"no real survey data in {folder} (set SURVEY_BATCH_DATA)")
    return folder
