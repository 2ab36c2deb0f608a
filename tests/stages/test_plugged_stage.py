"""A stage of another package, the one that the documentation shows, works in the phase of the GPU workers."""

import numpy as np
import pyarrow.parquet as pq
import pytest

import survey_batch as sb
from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from tests.examples import EXAMPLES, Beside, assert_shows, install

JOB = EXAMPLES / "gpu-stage" / "job.toml"
OBJECTS = 24


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    packages = install("gpu-stage", tmp_path_factory.mktemp("installed"))
    call = Beside(packages, tmp_path_factory.mktemp("work"))
    call("simulate", "lamost", "runs/archive/lamost", "--objects", OBJECTS)
    call("run", JOB)
    return call


@pytest.mark.slow
def test_the_product_holds_what_the_stage_computed(done):
    output = str(done.folder / "runs" / "periodograms")
    found, spectra = sb.open_product(output, "periodogram").load(), sb.open_product(output, "spectra").load()
    flux = np.where(spectra.ivar > 0, spectra.flux, 0).astype("f8")
    known = (spectra.ivar > 0).values
    flux = np.where(known, flux - flux.sum(1, keepdims=True) / known.sum(1, keepdims=True), 0)
    power = np.abs(np.fft.rfft(flux))[:, 1:] ** 2
    edges = np.linspace(0, power.shape[1], 33).astype(int)[:-1]
    expected = np.add.reduceat(power, edges, axis=1)
    np.testing.assert_allclose(found.power, expected / expected.sum(1, keepdims=True), rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_status_report_and_export_tell_of_it(done):
    assert "periodogram" in done("status", JOB)
    done("report", JOB)
    done("export", JOB)
    assert pq.read_table(done.folder / "runs" / "periodograms" / "catalog.parquet").num_rows == OBJECTS


@pytest.mark.slow
def test_other_settings_of_the_stage_are_another_product(done):
    assert "periodogram.bins: was 32, now 16" in done("plan", JOB, "--set", "periodogram.bins=16", code=3)


@pytest.mark.slow
def test_a_wrong_key_of_its_table_is_refused_with_its_line(done):
    text = JOB.read_text().replace("bins = 32", "bin = 32")
    (done.folder / "wrong.toml").write_text(text)
    said = done("plan", "wrong.toml", code=2)
    line = 1 + text.splitlines().index("bin = 32")
    assert f"line {line}: periodogram.bin is not a key of [periodogram] (did you mean 'bins'?)" in said


def test_without_the_package_its_job_is_refused():
    with pytest.raises(ConfigurationError, match=r"'periodogram' is not a stage of survey 'lamost'"):
        load_job(JOB)


def test_the_page_shows_the_package_as_it_is():
    assert_shows("add-a-stage.md", "gpu-stage")
