import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from survey_batch.catalog import csv_file, read_catalog
from survey_batch.catalog.formats import open_source
from survey_batch.errors import ConfigurationError
from survey_batch.export import export_catalog
from survey_batch.pieces import pieces_of
from survey_batch.plan import make_plan
from survey_batch.products import create_product
from survey_batch.stages import make_stage
from survey_batch.work import run_shard
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


def run(job):
    """Make the product of a job's only stage."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    plan.store()
    create_product(job.output, stage.schema(plan.size("object")), {"pieces": pieces_of(plan, stage)})
    for shard in plan.shards("object"):
        run_shard(job, "spectra", shard)


@pytest.fixture
def job(tmp_path):
    """A finished job whose catalogue is not in the order of the products, with a missing file and a bad row."""
    archive = make_archive(tmp_path / "archive", 6)
    catalog = tmp_path / "archive" / "catalog.csv"
    header, *rows = catalog.read_text().splitlines()
    catalog.write_text("\n".join([header, *reversed(rows)]).replace("|10.02|", "|777|") + "\n")
    (tmp_path / "archive" / "spec-55000-TEST_sp01-005.fits").unlink()
    job = lamost_job(archive, tmp_path / "out", stages=["spectra"])
    run(job)
    return job


def test_there_is_one_row_per_input_row_in_the_input_s_order_joined_by_id(job):
    path, rows = export_catalog(job)
    table = pq.read_table(path)
    assert rows == 6
    assert table["obsid"].to_pylist() == [1005, 1004, 1003, 1002, 1001, 1000]
    assert table["sb_object_id"].to_pylist() == ["1005", "1004", "1003", "1002", "1001", "1000"]
    assert table["sb_status"].to_pylist() == ["ok", "not_found", "ok", "invalid", "ok", "ok"]


CHOICES = {
    "select": {"select": {"labels": ["A", "G", "M"], "snr": [20, 70]}},
    "duplicates": {"duplicates": {"by": ["id"]}},
    "sample": {"sample": {"total": 7, "seed": 3}},
    "all": {"select": {"snr": [15, 95]}, "duplicates": {"by": ["id", "position"]}, "sample": {"per_class": 1}},
}


def make_catalog(folder, ending):
    """A catalogue with repeated ids, a comment and a line that does not fit, and a remark that is each row's own."""
    archive = make_archive(folder, 10)
    header, *rows = (folder / "catalog.csv").read_text().splitlines()
    rows = [row.replace("|50|", f"|{10 * (place + 1)}|") for place, row in enumerate(rows)]
    rows = [*rows[::-1], *rows[::2], *rows[1:4]]
    lines = [f"{row}|é remark {place}" for place, row in enumerate(rows)]
    lines = [header + "|remark", *lines[:4], "# a comment", *lines[4:9], "too|short", *lines[9:]]
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")
    if ending == "parquet":
        source = open_source(str(folder / "catalog.csv"))
        pq.write_table(source.read(source.names).table, folder / "catalog.parquet", row_group_size=3)
    return archive | {"catalog": archive["catalog"] | {"path": str(folder / f"catalog.{ending}")}}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_of_rows_comes_with_exactly_the_text_and_results_of_each(tmp_path, monkeypatch, ending, choice):
    monkeypatch.setattr(csv_file, "_BLOCK_BYTES", 400)
    tables = make_catalog(tmp_path / "archive", ending)
    tables["catalog"] |= CHOICES[choice]
    job = lamost_job(tables, tmp_path / "out", stages=["spectra"])
    run(job)
    out = pq.read_table(export_catalog(job)[0])
    source = open_source(job.catalog.path)
    batches = [batch.table for batch in source.batches(source.names)]
    assert len(batches) > 2
    given = pa.concat_tables(batches).to_pylist()
    chosen = read_catalog(job.catalog, job.archive).table.to_pylist()
    assert 1 < len(chosen) < len(given)
    for row, ours in zip(out.to_pylist(), chosen, strict=True):
        theirs = given[ours["row"]]
        assert [row[name] for name in ("remark", "filename")] == [theirs[name] for name in ("remark", "filename")]
        assert row["sb_object_id"] == ours["object_id"]
        assert row["sb_status"] == ("invalid" if ours["problem"] else "ok")
        if not ours["problem"]:
            typed = int if ending == "csv" else str  # text of a format that has types stays text
            assert [row[name] for name in ("obsid", "snrr")] == [typed(theirs[name]) for name in ("obsid", "snrr")]
            assert ours["object_id"] == theirs["obsid"]


def test_a_fits_table_holds_the_same(job, tmp_path):
    export_catalog(job, str(tmp_path / "out.fits"))
    table = Table.read(tmp_path / "out.fits")
    assert table["dec"].dtype.kind == "f"
    assert list(table["sb_status"]) == ["ok", "not_found", "ok", "invalid", "ok", "ok"]


def test_an_unknown_ending_is_refused(job):
    with pytest.raises(ConfigurationError, match="must be .parquet or .fits"):
        export_catalog(job, "out.csv")


def test_a_job_that_never_ran_is_refused(job):
    with pytest.raises(ConfigurationError, match="run the job first"):
        export_catalog(job.model_copy(update={"output": job.output + "-never"}))


def test_a_catalogue_that_changed_since_is_refused(job):
    with open(job.catalog.path, "a") as stream:
        stream.write("9999|10.5|0.1|2011-10-27|55000|TEST|1|99|STAR|G5|0.0|50|none.fits\n")
    with pytest.raises(ConfigurationError, match="'9999'.*changed since the run"):
        export_catalog(job)
