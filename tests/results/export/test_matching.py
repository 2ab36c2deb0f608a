"""Which rows of the catalogue are exported, and the objects of the plan that they are."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.catalog import read_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.sections.catalog import SampleSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import read_plan_part
from survey_batch.results.export import export_catalog, export_table, matching
from survey_batch.results.export.matching import MOVED_ARCSEC, match
from tests.jobs import lamost_job
from tests.results.export.finished import ROWS, by_id, finished_job


def test_a_catalogue_in_another_order_than_when_it_was_planned_is_joined_by_id(finished, tmp_path):
    table = pq.read_table(finished.catalog.path)
    pq.write_table(table.take(list(range(ROWS - 1, 3, -1))), tmp_path / "other.parquet")
    other = finished.model_copy(
        update={"catalog": finished.catalog.model_copy(update={"path": str(tmp_path / "other.parquet")})}
    )
    found, given = by_id(export_table(other, ["features"])), by_id(export_table(finished, ["features"]))
    assert list(found) == list(given)[:3:-1]
    assert all(found[name] == given[name] for name in found)


def test_ids_that_the_catalogue_repeats_are_joined_as_the_plan_names_them(tmp_path):
    job = finished_job(tmp_path)
    table = pq.read_table(job.catalog.path)
    table = table.set_column(0, "obsid", [[1000] * 2 + list(range(2, ROWS))])
    pq.write_table(table, job.catalog.path)
    make_plan(job).store()
    assert export_table(job)["sb_object_id"].to_pylist()[:2] != ["1000", "1000"]


def test_a_catalogue_that_changed_since_is_refused(job):
    with open(job.catalog.path, "a") as stream:
        stream.write("9999|10.5|0.1|2011-10-27|55000|TEST|1|99|STAR|G5|0.0|50|none.fits\n")
    with pytest.raises(ConfigurationError, match="'9999'.*changed since the run"):
        export_catalog(job)


@pytest.mark.parametrize("moved", ["|10.02|", "|10.03|"])
def test_a_catalogue_of_the_same_ids_at_other_positions_is_refused_with_both(job, moved):
    catalog = Path(job.catalog.path)
    given = "|777|" if moved == "|10.02|" else moved
    text = catalog.read_text()
    catalog.write_text(text.replace("|10.03|", "|10.0301|"))
    export_catalog(job)  # less than an arcsecond
    catalog.write_text(text.replace(given, "|10.5|"))
    with pytest.raises(ConfigurationError, match=r"object '100[23]' \(row [23]\).* 10.500000, .*; 1 of 6 rows"):
        export_catalog(job)


def planned(folder, ra, dec, ids=None, **catalog):
    """A planned job with objects at these positions [deg]."""
    write(folder / "objects.parquet", ra, dec, ids)
    keys = {
        "catalog": {"path": str(folder / "objects.parquet"), **catalog},
        "archive": {"survey": "lamost", "root": "none"},
    }
    job = lamost_job(keys, folder / "out", stages=["spectra"])
    make_plan(job).store()
    return job


def write(path, ra, dec, ids=None):
    """A catalogue without ids if `ids` is empty."""
    rows = range(len(ra))
    ids = [2000 - row for row in rows] if ids is None else ids
    names = [f"{row}.fits" for row in rows]
    own = {"obsid": ids} if len(ids) else {}
    pq.write_table(pa.table({**own, "filename": names, "ra": ra, "dec": dec}), path)


def matched(job):
    return match(job, job.catalog, open_catalog(job.catalog, job.archive))


def test_each_row_finds_the_object_of_its_id_whatever_the_plan_s_order(tmp_path):
    job = planned(tmp_path, [10.0, 20.0, 30.0], [0.0, 1.0, 2.0])
    found = matched(job)
    assert found.rows.tolist() == [0, 1, 2]
    ids = read_plan_part(job.output, ["object_id"])["object_id"].take(pa.array(found.plan_rows)).to_pylist()
    assert ids == ["2000", "1999", "1998"]


@pytest.mark.parametrize(
    ("ra", "dec", "moved"),
    [
        (359.99999, 0.0, False),  # 0.07 arcseconds from 0.00001, across the origin of right ascension
        (0.00001, 0.9 * MOVED_ARCSEC / 3600, False),
        (0.00001, 1.1 * MOVED_ARCSEC / 3600, True),
        (180.0, 0.0, True),
    ],
)
def test_an_object_has_moved_if_it_is_more_than_an_arcsecond_away_on_the_sky(tmp_path, ra, dec, moved):
    job = planned(tmp_path, [0.00001], [0.0])
    write(tmp_path / "objects.parquet", [ra], [dec])
    if not moved:
        assert matched(job).plan_rows.tolist() == [0]
        return
    with pytest.raises(ConfigurationError, match=r"object '2000' \(row 0\) .* 1 of 1 row differing: this is another"):
        matched(job)


def test_positions_that_are_unknown_match_each_other_and_no_known_one(tmp_path):
    job = planned(tmp_path, [10.0, None, 20.0], [0.0, None, 0.0])
    assert np.sort(matched(job).plan_rows).tolist() == [0, 1, 2]
    write(tmp_path / "objects.parquet", [10.0, 15.0, 20.0], [0.0, 0.0, 0.0])
    with pytest.raises(ConfigurationError, match=r"object '1999' \(row 1\) .* and at nan, nan deg"):
        matched(job)


def refuse_whole(monkeypatch):
    """Let no catalogue be read whole."""

    def refused(*_):
        raise AssertionError("the catalogue is read whole")

    monkeypatch.setattr(matching, "read_catalog", refused)


RA = [10.0, 20.0, 30.0, 20.0, 50.0]
DUPLICATES = {"duplicates": {"by": ["id", "position"]}}
SAMPLE = {"sample": {"total": 3}}


@pytest.mark.parametrize(
    ("ids", "catalog", "rows"),
    [
        ([5, 4, 3, 4, 1], DUPLICATES, [0, 1, 2, 4]),
        ([5, 5, 3, 4, 1], DUPLICATES, [0, 2, 3, 4]),  # one id at two places: told apart by their positions
        ([5, 4, 3, 2, 1], SAMPLE, None),
        ((), {}, [0, 1, 2, 3, 4]),
        ((), SAMPLE, None),
    ],
)
def test_a_file_that_is_as_it_was_is_read_by_blocks_whatever_the_job_takes(tmp_path, monkeypatch, ids, catalog, rows):
    job = planned(tmp_path, RA, [0.0] * 5, ids, **catalog)
    whole = read_catalog(job.catalog, job.archive).table
    refuse_whole(monkeypatch)
    found = matched(job)
    assert found.rows.tolist() == whole["row"].to_pylist()
    assert len(found.rows) == 3 if rows is None else found.rows.tolist() == rows
    named = read_plan_part(job.output, ["object_id"])["object_id"].take(pa.array(found.plan_rows))
    assert named.to_pylist() == whole["object_id"].to_pylist()


def test_a_sample_is_drawn_again_where_the_file_has_grown_or_the_job_asks_for_another(tmp_path):
    job = planned(tmp_path, RA, [0.0] * 5, **SAMPLE)
    fewer = job.model_copy(update={"catalog": job.catalog.model_copy(update={"sample": SampleSection(total=2)})})
    assert len(matched(fewer).rows) == 2
    write(tmp_path / "objects.parquet", [*RA, *range(100, 120)], [0.0] * 25)
    with pytest.raises(ConfigurationError, match="is not in .*: the catalogue changed since the run"):
        matched(job)


def test_without_ids_a_row_of_another_file_is_another_object(tmp_path):
    job = planned(tmp_path, [10.0, 20.0], [0.0, 0.0], ())
    table = pq.read_table(job.catalog.path).to_pydict()
    pq.write_table(pa.table({**table, "filename": ["0.fits", "other.fits"]}), job.catalog.path)
    with pytest.raises(ConfigurationError, match="is not in .*: the catalogue changed since the run"):
        matched(job)
