import time
from itertools import repeat

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Site, State
from survey_batch.doctor.archive import archive_answers, judge
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.trial import fetch_one, sample_rows
from survey_batch.simulate import simulate_fits_spectra, simulate_sdss
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive
from tests.servers import BUSY, PAGE, free_ports, http_server

SITE = Site("here")
FIRST = "/spec-55000-TEST_sp01-001.fits"


@pytest.fixture
def keys(tmp_path):
    return make_archive(tmp_path / "archive", 10)


def look(keys, tmp_path, root=None, **archive):
    archive = {**keys["archive"], **({"root": root} if root else {}), **archive}
    job = lamost_job({**keys, "archive": archive}, tmp_path / "out", ("spectra",))
    (finding,) = archive_answers(SITE, job, sample_rows(make_plan(job)))
    return finding


def test_one_spectrum_of_a_server_is_asked_for_past_the_cache_and_the_time_is_told(keys, tmp_path):
    with http_server(tmp_path / "archive", delay=0.2) as server:
        for _ in range(2):
            finding = look(keys, tmp_path, server.url, cache=str(tmp_path / "cache"))
            assert finding.state == State.OK, finding
        assert dict(server.requests) == {FIRST: 2}
    assert float(finding.found.rpartition(" in ")[2].split()[0]) >= 0.2
    assert not (tmp_path / "cache").exists()


def test_a_missing_file_is_no_missing_archive(keys, tmp_path):
    (tmp_path / "archive" / FIRST[1:]).unlink()
    finding = look(keys, tmp_path)
    assert finding.state == State.WARNING
    assert "1 before it could not be read" in finding.found
    assert FIRST[1:] in finding.found


def test_an_archive_without_any_of_the_files_is_laid_out_otherwise(keys, tmp_path):
    finding = look(keys, tmp_path, layout="plan")
    assert finding.state == State.FAILED
    assert finding.found.startswith("no file could be read, out of 3")
    assert "archive.layout" in finding.advice


def test_a_key_that_makes_files_readable_is_what_to_set(tmp_path):
    catalog = simulate_fits_spectra(tmp_path / "files", objects=4, seed=1)
    archive = {"survey": "fits-spectra", "root": str(tmp_path / "files"), "medium": "vacuum"}
    finding = look({"catalog": {"path": str(catalog)}, "archive": archive}, tmp_path)
    assert "the job does not say the unit of the product: set archive.flux_unit = " in finding.found
    assert finding.advice == "set archive.flux_unit as it says"


@pytest.mark.parametrize(("fault", "said"), [(PAGE, "expected FITS"), (BUSY, "503")])
def test_what_a_server_sends_instead_is_told(keys, tmp_path, fault, said):
    faults = {f"/spec-55000-TEST_sp01-{number:03d}.fits": repeat(fault) for number in range(1, 11)}
    with http_server(tmp_path / "archive", faults) as server:
        finding = look(keys, tmp_path, server.url)
    assert finding.state == State.FAILED
    assert said in finding.found


def test_a_server_that_is_not_there_is_found_soon_whatever_patience_the_job_has(keys, tmp_path):
    begun = time.monotonic()
    finding = look(keys, tmp_path, f"http://127.0.0.1:{free_ports(1)[0]}", attempts=20)
    assert time.monotonic() - begun < 20
    assert finding.state == State.FAILED
    assert "HTTPS_PROXY" in finding.advice


def test_a_folder_that_is_not_there_is_named(keys, tmp_path):
    with pytest.raises(ConfigurationError, match="is not a folder here: is its file system mounted"):
        look(keys, tmp_path, str(tmp_path / "gone"))


def test_of_a_field_one_band_is_read(tmp_path):
    simulate_sdss(tmp_path, fields=1, objects=20, seed=1, bands="gr")
    job = sdss_job(tmp_path / "sources.csv", tmp_path, tmp_path / "out", frames={"bands": "ugr"})
    answers = fetch_one(job, sample_rows(make_plan(job)))
    finding = judge(SITE, job, answers)
    assert finding.state == State.OK, finding
    assert "one frame of" in finding.found


def test_an_error_of_a_survey_s_reader_is_shown_with_its_file_and_line(keys, tmp_path, monkeypatch):
    def read(*_):
        return {}["FLUX"]

    monkeypatch.setattr("survey_batch.surveys.lamost.reader.LamostSpectra.read", read)
    finding = look(keys, tmp_path)
    assert finding.state == State.FAILED
    line = read.__code__.co_firstlineno + 1
    assert (
        f"with KeyError: 'FLUX' (doctor/test_archive.py, line {line}); this is a fault of the reader" in finding.found
    )
