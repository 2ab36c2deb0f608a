"""The catalogue joined to its results, batch by batch."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from survey_batch.catalog import csv_file, gather, read_catalog
from survey_batch.catalog.formats import open_source
from survey_batch.config.job import MatchSection
from survey_batch.core import cores
from survey_batch.planning.plan import make_plan
from survey_batch.results.export import export_catalog, export_table, joined, matching
from survey_batch.results.export.joined import Joined, join_results
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.results.export.finished import NOT_OK, ROWS, make_spectra_product


def test_added_columns_of_an_earlier_export_are_replaced(finished, tmp_path):
    words = ["features", "label,split,reason", "spectra=snr"]
    first, _ = export_catalog(finished, str(tmp_path / "first.parquet"), with_=words)
    again = finished.model_copy(update={"catalog": finished.catalog.model_copy(update={"path": first})})
    assert export_table(again, words).equals(export_table(finished, words))
    left = set(export_table(again).column_names) - set(export_table(finished).column_names)
    assert left == {"sb_spectra_snr"}, "only what this export would add, or every export adds, is known as an export's"


def test_neighbours_and_outlier_scores_of_an_earlier_export_are_not_kept(finished, tmp_path):
    table = pq.read_table(finished.catalog.path)
    for name in ("sb_neighbour_1", "sb_neighbour_5_distance", "sb_outlier_score", "sb_neighbours"):
        table = table.append_column(name, pa.array(range(len(table))))
    pq.write_table(table, tmp_path / "first.parquet")
    section = finished.catalog.model_copy(update={"path": str(tmp_path / "first.parquet")})
    left = export_table(finished.model_copy(update={"catalog": section})).column_names
    assert set(left) - set(export_table(finished).column_names) == {"sb_neighbours"}


def test_columns_that_a_second_list_gives_are_exported_with_the_separation_and_its_others_are_not(finished, tmp_path):
    other = tmp_path / "other.csv"
    table = pq.read_table(finished.catalog.path, columns=["ra", "dec"]).slice(0, 2)
    lines = [f"{row['ra']},{row['dec'] + 1 / 3600},0.5,why" for row in table.to_pylist()]
    other.write_text("\n".join(["ra,dec,redshift,remarks", *lines]) + "\n")
    catalog = finished.catalog.model_copy(update={"match": MatchSection(path=str(other))})
    found = export_table(finished.model_copy(update={"catalog": catalog}))
    assert set(found.column_names) - set(export_table(finished).column_names) == {"redshift", "match_arcsec"}
    assert found["redshift"].to_pylist() == [0.5, 0.5] + [None] * (ROWS - 2)
    assert found["match_arcsec"].to_pylist() == [pytest.approx(1, abs=1e-3)] * 2 + [None] * (ROWS - 2)


@pytest.mark.parametrize("rows", [1, 5, 7, 100])
def test_batches_of_any_size_join_to_the_same_table(finished, monkeypatch, rows):
    words = ["features", "label,reason"]
    whole = export_table(finished, words)
    monkeypatch.setattr(joined, "BATCH_ROWS", rows)
    monkeypatch.setattr(matching, "BATCH_ROWS", rows)
    monkeypatch.setattr(matching, "SLICE_ROWS", 6)
    monkeypatch.setattr(matching, "SORTED_ROWS", 7)
    monkeypatch.setattr(joined, "BLOCK_BYTES", 1)
    monkeypatch.setattr(gather, "IN_MEMORY_ROWS", -1)
    for threads in (1, 3):
        monkeypatch.setattr(cores, "cores", lambda threads=threads: threads)
        assert export_table(finished, words).equals(whole)


def test_there_is_one_row_per_input_row_in_the_input_s_order_joined_by_id(job):
    path, rows = export_catalog(job)
    table = pq.read_table(path)
    assert rows == 6
    assert table["obsid"].to_pylist() == [1005, 1004, 1003, 1002, 1001, 1000]
    assert table["sb_object_id"].to_pylist() == ["1005", "1004", "1003", "1002", "1001", "1000"]
    assert table["sb_status"].to_pylist() == ["ok", "not_found", "ok", "invalid", "ok", "ok"]


def test_a_column_of_one_s_own_that_begins_alike_stays(job):
    catalog = Path(job.catalog.path)
    text = catalog.read_text().splitlines()
    lines = [text[0] + "|sb_mean|SB_STATUS", *(line + "|21.5|ok" for line in text[1:])]
    catalog.write_text("\n".join(lines) + "\n")
    names = pq.read_table(export_catalog(job)[0]).column_names
    assert "sb_mean" in names
    assert "SB_STATUS" not in names


def test_views_in_maps_and_lists_are_exported_as_text(job, tmp_path):
    table = pq.read_table(export_catalog(job)[0])
    pairs, view = [[("k", "v")], None, [], [("z", "ü")], [], []], pa.string_view()
    kinds = {"m": pa.map_(view, view), "l": pa.list_(view), "big": pa.large_list(view)}
    lists = [["a"], ["b", "c"], None, [], [], []]
    given = {"m": pairs, "l": lists, "big": lists}
    for name, kind in kinds.items():
        table = table.append_column(name, pa.array(given[name], kind))
    pq.write_table(table, tmp_path / "archive" / "c.parquet")
    path = str(tmp_path / "archive" / "c.parquet")
    again = job.model_copy(update={"catalog": job.catalog.model_copy(update={"path": path})})
    out = pq.read_table(export_catalog(again)[0])
    assert {name: out[name].to_pylist() for name in kinds} == given
    found = Table.read(export_catalog(again, str(tmp_path / "t.fits"))[0])
    assert found["m"][0] == '[["k", "v"]]'


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
    make_spectra_product(job)
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


@pytest.mark.parametrize("ending", ["parquet", "fits"])
def test_an_export_that_is_the_next_catalogue_has_its_old_results_replaced(job, tmp_path, ending):
    first, rows = export_catalog(job, str(tmp_path / f"first.{ending}"))
    table = pq.read_table(export_catalog(job)[0])
    catalog = job.catalog.model_copy(update={"path": first})
    again = job.model_copy(update={"catalog": catalog, "output": str(tmp_path / "again"), "stages": ("spectra",)})
    make_plan(again).store()
    said = []
    path, _ = export_catalog(again, None, said.append)
    second = pq.read_table(path)
    assert second.column_names == table.column_names
    assert second["sb_status"].to_pylist() == ["pending"] * rows
    assert second["sb_object_id"].to_pylist() == table["sb_object_id"].to_pylist()
    assert "sb_object_id, sb_status: of an earlier export; replaced or left out" in said


def test_a_table_in_memory_is_one_batch_with_nothing_changed():
    table = pa.table({"a": [1, 2]})
    made = Joined.of(table)
    assert (made.schema, made.rows, list(made.batches())) == (table.schema, 2, [table])
    assert made.changes.lines() == []


def test_positions_of_the_plan_are_added_where_they_are_asked_for(finished):
    with join_results(finished) as plain, join_results(finished, positions=True) as table:
        assert set(table.schema.names) - set(plain.schema.names) == {"sb_ra", "sb_dec"}
        assert table.rows == ROWS
        whole = pa.concat_tables(table.batches())
        assert pa.concat_tables(table.batches()).equals(whole), "batches can be read twice"
    assert whole["sb_ra"].to_pylist() == whole["ra"].to_pylist()
    assert whole["sb_dec"].to_pylist() == whole["dec"].to_pylist()
    assert whole["sb_object_id"].to_pylist()[-1 - NOT_OK] == str(1000 + NOT_OK)


def notes(job):
    """What an export says, but of the types of the catalogue's own columns."""
    said = []
    export_catalog(job, say=said.append)
    return [line for line in said if not line.startswith("z: ")]


def test_a_product_that_was_made_with_other_settings_is_exported_with_a_note(job):
    assert notes(job) == []
    other = job.model_copy(update={"spectra": job.spectra.model_copy(update={"wavelength_max": 8000.0})})
    (note,) = notes(other)
    assert note.startswith("spectra.zarr: made with other settings than the job has now (spectra.wavelength_max: was ")
    assert note.endswith(", now 8000.0); exported as it is stored")


def test_objects_that_the_catalogue_no_longer_has_are_left_out_with_a_note(job):
    catalog = Path(job.catalog.path)
    lines = catalog.read_text().splitlines()
    catalog.write_text("\n".join(lines[:-1]) + "\n")
    assert notes(job) == ["1 object of the run: is no longer chosen from the catalogue, and left out"]
    catalog.write_text("\n".join(lines[:-2]) + "\n")
    assert notes(job) == ["2 objects of the run: are no longer chosen from the catalogue, and left out"]
