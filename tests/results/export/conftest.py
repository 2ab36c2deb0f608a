"""Jobs to export."""

import pytest

from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.results.export.finished import finished_job, make_spectra_product


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished job with predictions and features, which no test changes."""
    return finished_job(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def job(tmp_path):
    """A finished job whose catalogue is not in the order of the products, with a missing file and a bad row."""
    archive = make_archive(tmp_path / "archive", 6)
    catalog = tmp_path / "archive" / "catalog.csv"
    header, *rows = catalog.read_text().splitlines()
    catalog.write_text("\n".join([header, *reversed(rows)]).replace("|10.02|", "|777|") + "\n")
    (tmp_path / "archive" / "spec-55000-TEST_sp01-005.fits").unlink()
    job = lamost_job(archive, tmp_path / "out", stages=["spectra"])
    make_spectra_product(job)
    return job
