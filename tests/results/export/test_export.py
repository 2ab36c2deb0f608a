from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from survey_batch.catalog import csv_file
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.results.export import _write, export_catalog, matching
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, open_group
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive
from tests.report.outputs import SHARD, make_predictions, make_spectra, spectra_job
from tests.results.export.finished import make_spectra_product


def test_a_fits_table_holds_the_same(job, tmp_path):
    export_catalog(job, str(tmp_path / "out.fits"))
    table = Table.read(tmp_path / "out.fits")
    assert table["dec"].dtype.kind == "f"
    assert list(table["sb_status"]) == ["ok", "not_found", "ok", "invalid", "ok", "ok"]


def test_selected_rows_are_matched_batch_by_batch_and_a_selection_that_changed_is_refused(tmp_path, monkeypatch):
    tables = make_archive(tmp_path / "archive", 10)
    catalog = tmp_path / "archive" / "catalog.csv"
    header, *rows = catalog.read_text().splitlines()
    rows = [row.replace("|50|", f"|{10 * (number + 1)}|") for number, row in enumerate(rows)]
    catalog.write_text("\n".join([header, *rows[::-1]]) + "\n")
    tables["catalog"] |= {"select": {"snr": [20, 70]}}
    job = lamost_job(tables, tmp_path / "out", stages=["spectra"])
    make_spectra_product(job)
    with monkeypatch.context() as patch:
        patch.setattr(matching, "read_catalog", None)  # reads all rows at once
        patch.setattr(csv_file, "_BLOCK_BYTES", 400)
        table = pq.read_table(export_catalog(job)[0])
    assert table["snrr"].to_pylist() == [70, 60, 50, 40, 30, 20]
    assert table["sb_object_id"].to_pylist() == [str(row) for row in table["obsid"].to_pylist()]
    catalog.write_text(catalog.read_text().replace("|80|", "|65|"))
    with pytest.raises(ConfigurationError, match="is not in .*: the catalogue changed since the run"):
        export_catalog(job)


@pytest.fixture
def gaps(tmp_path):
    """A finished job of two objects, of which one has no further value, as CSV."""
    archive = make_archive(tmp_path / "archive", 2)
    catalog = tmp_path / "archive" / "catalog.csv"
    header, first, second = catalog.read_text().splitlines()
    first += "|4295806720123456789|701001.0|True|Boötes"
    catalog.write_text("\n".join([header + "|gaia|visit|clean|µ name", first, second + "||||"]) + "\n")
    job = lamost_job(archive, tmp_path / "out", stages=["spectra"])
    make_spectra_product(job)
    return job


def test_identifiers_and_booleans_with_gaps_are_exact_in_both_formats(gaps, tmp_path):
    table = pq.read_table(export_catalog(gaps)[0])
    assert table["gaia"].to_pylist() == [4295806720123456789, None]
    assert table["visit"].to_pylist() == [701001, None]
    assert table["clean"].to_pylist() == [True, None]
    assert table["µ name"].to_pylist() == ["Boötes", None]
    found = Table.read(export_catalog(gaps, str(tmp_path / "t.fits"))[0])
    assert [found[name].dtype.kind for name in ("gaia", "visit", "clean")] == ["i", "i", "u"]
    assert [found[name].tolist() for name in ("gaia", "visit", "clean")] == [
        [4295806720123456789, None],
        [701001, None],
        [1, None],
    ]
    assert found["mu name"][0] == "Bo\\xf6tes"
    assert found["mu name"][1] is np.ma.masked


def test_what_was_changed_is_said_and_stands_in_the_file(gaps, tmp_path):
    said = []
    path, _ = export_catalog(gaps, str(tmp_path / "t.fits"), said.append)
    assert "z, visit: whole numbers that are written with a decimal point became integers" in said
    assert "µ name: named 'mu name'" in said
    assert any(line.startswith("clean: Booleans with gaps are bytes") for line in said)
    header = fits.getheader(path, 1)
    history = "".join(header["HISTORY"])
    assert all(line.replace("µ", "\\xb5").replace("é", "\\xe9")[:60] in history for line in said)
    assert header["TCOMM17"] == "column '\\\\xb5 name' of the catalogue"
    path, _ = export_catalog(gaps)
    notes = pq.read_schema(path).metadata[b"survey_batch.notes"].decode()
    assert notes == "z, visit: whole numbers that are written with a decimal point became integers"


def test_an_export_during_a_run_has_pending_rows(tmp_path):
    archive = make_archive(tmp_path / "archive", 20)
    job = lamost_job(archive, tmp_path / "out", stages=["spectra", "features"])
    plan, stage = make_plan(job), make_stage(job, "spectra")
    with pytest.raises(ConfigurationError, match="run the job first"):
        export_catalog(job)
    plan.store()
    assert statuses(job) == ["pending"] * 20
    create_product(job.output, stage.schema(plan.size("object")), {"provenance": provenance_of(plan, stage)})
    run_shard(job, "spectra", plan.shards("object")[0])
    assert statuses(job) == ["pending"] * 20, "features are not made yet"
    spectra_alone = job.model_copy(update={"stages": ("spectra",)})
    assert statuses(spectra_alone) == ["ok"] * 8 + ["pending"] * 12


def statuses(job):
    return pq.read_table(export_catalog(job)[0])["sb_status"].to_pylist()


def test_predictions_of_rows_without_any_are_null(tmp_path):
    job = spectra_job(tmp_path / "out")
    job = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": str(tmp_path / "c.csv")})})
    rows = "\n".join(f"{row},{row}.fits,{row},{row}" for row in range(24))
    (tmp_path / "c.csv").write_text(f"obsid,filename,ra,dec\n{rows}\n")
    make_plan(job).store()
    make_spectra(job)
    make_predictions(job)
    status = open_group(job.output, "predictions")["status"]
    status[2 * SHARD :] = np.zeros(24 - 2 * SHARD, np.uint8)
    status[3:4] = np.array([Status.INVALID], np.uint8)
    table = pq.read_table(export_catalog(job)[0])
    done = [row < 2 * SHARD and row != 3 for row in range(24)]
    for name in ("predicted_class", "confidence", "probability_A"):
        assert [value is not None for value in table[f"sb_{name}"].to_pylist()] == done
        assert table[f"sb_{name}"].null_count == 24 - sum(done)
    assert set(table["sb_status"].to_pylist()[2 * SHARD :]) == {"pending"}


def test_frames_alone_are_nothing_to_export(tmp_path):
    job = sdss_job(tmp_path / "none.csv", tmp_path, tmp_path / "out", stages=["frames"])
    with pytest.raises(ConfigurationError, match="frames make no product of objects"):
        export_catalog(job)


@pytest.mark.parametrize("ending", ["parquet", "fits"])
def test_an_export_goes_to_any_url(job, tmp_path, ending):
    local = export_catalog(job, str(tmp_path / f"local.{ending}"))[0]
    for url in (f"memory://exports/types.{ending}", f"file://{tmp_path}/new/folder/types.{ending}"):
        assert export_catalog(job, url) == (url, 6)
        assert fsspec.open(url).open().read() == Path(local).read_bytes()


@pytest.mark.parametrize("url", ["nothing://bucket/t.fits", "/proc/none/t.parquet", "file:///proc/none/t.parquet"])
def test_a_place_that_cannot_be_written_is_named(job, url):
    with pytest.raises(ConfigurationError, match=f"--to {url}: cannot be written"):
        export_catalog(job, url)


def test_more_columns_than_fits_can_hold_are_refused(job, tmp_path):
    names = [f"c{place}" for place in range(1000)]
    table = pa.table([pa.array([1])] * 1000, names=names)
    with pytest.raises(ConfigurationError, match="holds 999 columns, and there are 1000"):
        _write(table, str(tmp_path / "t.fits"))
    _write(table, str(tmp_path / "t.parquet"))


def test_an_unknown_ending_is_refused(job):
    with pytest.raises(ConfigurationError, match="must be .parquet, .fits, .vot, .xml, .csv, .hats"):
        export_catalog(job, "out.txt")


def test_a_job_that_never_ran_is_refused(job):
    with pytest.raises(ConfigurationError, match="run the job first"):
        export_catalog(job.model_copy(update={"output": job.output + "-never"}))


@pytest.mark.parametrize("form", ["{path}", "file://{path}", "{folder}/../archive/{name}", "{link}"])
def test_the_job_s_own_catalogue_is_not_overwritten(job, tmp_path, form):
    table = pq.read_table(export_catalog(job, str(tmp_path / "archive" / "c.parquet"))[0])
    path = tmp_path / "archive" / "c.parquet"
    (tmp_path / "link.parquet").symlink_to(path)
    target = form.format(path=path, folder=path.parent, name=path.name, link=tmp_path / "link.parquet")
    again = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": str(path)})})
    with pytest.raises(ConfigurationError, match="this is the catalogue of the job"):
        export_catalog(again, target)
    assert pq.read_table(path).equals(table)


def test_an_export_is_not_put_among_the_files_of_the_catalogue_s_folder(job, tmp_path):
    catalog = export_catalog(job, str(tmp_path / "parts" / "a.parquet"))[0]
    again = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": str(Path(catalog).parent)})})
    with pytest.raises(ConfigurationError, match="overwritten or extended"):
        export_catalog(again, str(tmp_path / "parts" / "b.parquet"))
    assert export_catalog(again, str(tmp_path / "parts.parquet"))[1] == 6
