import pytest

from survey_batch.archive import download, holds
from tests.archive_files import write_archive


@pytest.fixture
def short_waits(monkeypatch):
    """Wait for hundredths of a second before the next attempt."""
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(download, "WAIT_JITTER", 0.01)
    monkeypatch.setattr(holds, "_until", {})  # another test's server may have had the same port


@pytest.fixture
def folder(tmp_path):
    """A folder with files of each packing."""
    return write_archive(tmp_path / "archive")
