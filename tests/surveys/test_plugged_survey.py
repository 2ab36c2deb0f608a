"""A survey of another package, the one that the documentation shows, goes through every command."""

import json
import subprocess
import sys
import time
from functools import partial

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import Table

import survey_batch as sb
from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.line_list import air_to_vacuum
from tests.compare import assert_equal_products, rows_done
from tests.examples import EXAMPLES, Beside, assert_shows, install
from tests.patience import PATIENCE
from tests.processes import kill
from tests.servers import http_server

JOB = EXAMPLES / "meadow" / "job.toml"
OBJECTS = 200


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    packages = install("meadow", tmp_path_factory.mktemp("installed"))
    call = Beside(packages, tmp_path_factory.mktemp("work"))
    call("simulate", "meadow", "runs/archive/meadow", "--objects", OBJECTS)
    return call


@pytest.fixture(scope="module")
def done(plugged):
    """The job of the example, with a classifier that was trained for a moment."""
    plugged("run", JOB, "--train", "--set", "train.epochs=5")
    return plugged


def without_predictions(output):
    return ("--set", 'stages=["spectra", "features"]', "--set", f"output={output}")


@pytest.mark.slow
def test_plan_doctor_and_init_know_the_survey(plugged):
    assert json.loads(plugged("plan", JOB, "--json", *without_predictions("runs/plan")))["objects"] == OBJECTS
    found = json.loads(plugged("doctor", JOB, "--json", *without_predictions("runs/plan")))["findings"]
    (archive,) = {finding["found"].split(" of ")[0] for finding in found if finding["check"] == "archive"}
    assert archive == "one field"
    plugged("init", "mine.toml", "--survey", "meadow")
    assert 'survey = "meadow"' in (plugged.folder / "mine.toml").read_text()


@pytest.mark.slow
def test_every_object_has_its_own_spectrum_on_the_common_grid(done):
    table = pq.read_table(done.folder / "runs" / "meadow-types" / "plan" / "objects.parquet")
    spectra = sb.open_product(str(done.folder / "runs" / "meadow-types"), "spectra").load()
    assert spectra.flux.attrs["units"] == "1e-17 erg / (s cm2 Angstrom)"
    assert units.Unit(spectra.ivar.attrs["units"]) == units.Unit(spectra.flux.attrs["units"]) ** -2
    assert "cosmic_ray" in spectra.mask.attrs["flag_meanings"]
    assert spectra.object_id.values.tolist() == table["object_id"].to_pylist()
    for row in (0, 77, OBJECTS - 1):
        path = f"v2/fields/{table['field'][row].as_py()}.fits"
        with fits.open(done.folder / "runs" / "archive" / "meadow" / path) as file:
            stars = file["SPECTRA"].data
            place = stars["STAR"].tolist().index(table["object_id"][row].as_py())
            flux, good = stars["FLUX"][place], stars["FLAGS"][place] == 0
        wavelength = air_to_vacuum(3800 + np.arange(flux.size))
        middle = good & (wavelength > 5000) & (wavelength < 7400)
        ours = np.interp(wavelength[middle], spectra.wavelength.values, spectra.flux.values[row])
        assert np.abs(ours - flux[middle]).mean() < 0.1  # two grids, noise of 0.1


@pytest.mark.slow
def test_status_report_export_and_evaluate_tell_of_it(done):
    assert f"{OBJECTS} ok" in done("status", JOB)
    done("report", JOB)
    page = (done.folder / "runs" / "meadow-types" / "report.html").read_text(encoding="utf-8")
    assert "MEADOW" in page
    done("export", JOB)
    table = pq.read_table(done.folder / "runs" / "meadow-types" / "catalog.parquet")
    assert table.num_rows == OBJECTS
    assert {"STAR", "sb_predicted_class"} <= {*table.column_names}
    assert json.loads(done("evaluate", JOB, "--json"))["test"]["classifier"]["objects"] > 40


@pytest.mark.slow
def test_the_same_features_come_out_in_a_notebook(done):
    output = str(done.folder / "runs" / "meadow-types")
    lazy = sb.features(sb.open_product(output, "spectra"))
    np.testing.assert_array_equal(lazy.value.values, sb.open_product(output, "features").value.values)


@pytest.mark.slow
def test_a_file_is_fetched_once_for_all_its_rows_in_a_shard(plugged):
    with http_server(plugged.folder / "runs" / "archive" / "meadow") as server:
        options = ("--set", f"archive.root={server.url}", "--set", "cluster.workers=1")
        options += ("--set", 'stages=["spectra"]', "--set", f"shards.objects={OBJECTS}", "--set", "output=runs/http")
        plugged("run", JOB, *options)
    asked = {path: number for path, number in server.requests.items() if "/fields/" in path}
    assert len(asked) == OBJECTS // 40
    assert sum(asked.values()) <= len(asked) + 1, "one more: the trial of the archive before the run"


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_ends_like_an_undisturbed_one(done):
    command = [sys.executable, "-m", "survey_batch", "run", str(JOB), "--set", "shards.objects=16"]
    command += ["--set", "cluster.workers=1", *without_predictions("runs/whole")]
    run = partial(subprocess.run, cwd=done.folder, env=done.environment, check=True, capture_output=True)
    run(command)
    killed = [word.replace("runs/whole", "runs/killed") for word in command]
    process = psutil.Popen(killed, cwd=done.folder, env=done.environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while rows_done(done.folder / "runs" / "killed", "spectra") < 16:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        kill(process, *process.children(recursive=True))
    run(killed)
    assert_equal_products(done.folder / "runs" / "killed", done.folder / "runs" / "whole", "spectra", "features")


@pytest.mark.slow
def test_what_is_wrong_with_a_row_or_a_file_is_said(plugged):
    table = Table.read(plugged.folder / "runs" / "archive" / "meadow" / "stars.fits")[:6]
    table["FIELD"] = table["FIELD"].astype("U10")
    table["STAR"][0], table["FIELD"][1], table["FIELD"][2] = "M7", "field-999", ""
    table.write(plugged.folder / "few.csv", overwrite=True)
    options = ("--set", "catalog.path=few.csv", "--set", 'stages=["spectra"]', "--set", "output=runs/few")
    plugged("run", JOB, *options)
    problems = pq.read_table(plugged.folder / "runs" / "few" / "problems.parquet").to_pylist()
    said = " ".join(problem["message"] for problem in problems)
    assert "no star M7 in the field field-000" in said
    assert "field-999.fits" in said
    assert "field is missing: no field can be found without it" in said
    assert sorted(problem["status"] for problem in problems) == ["invalid", "not_found", "not_found"]


def test_without_the_package_its_job_is_refused_with_the_line_and_what_there_is():
    with pytest.raises(ConfigurationError, match=r"archive\.survey: 'meadow' is not known; there are"):
        load_job(JOB)


def test_the_page_shows_the_package_as_it_is():
    assert_shows("add-a-survey.md", "meadow")
