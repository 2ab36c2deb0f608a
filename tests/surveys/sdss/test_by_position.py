"""Catalogues of positions, whose fields a list finds."""

import csv

import numpy as np
import pytest

from survey_batch.catalog import read_catalog
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.shard_context import _of_problem
from survey_batch.simulate import simulate_sdss
from tests.jobs import sdss_job

FIELD = ("run", "camcol", "field")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Make an archive of four small fields, with its list of fields."""
    root = tmp_path_factory.mktemp("archive")
    simulate_sdss(root, fields=4, objects=60, seed=5, bands="r", shape=(300, 200))
    return root


@pytest.fixture
def catalog_of(archive, tmp_path):
    """Read a catalogue of rows by the list of fields."""

    def read(rows, fields="fields.csv"):
        path = tmp_path / "positions.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        job = sdss_job(path, archive, tmp_path / "out")
        section = job.archive.model_copy(update={"fields": fields and str(archive / fields)})
        return read_catalog(job.catalog, section)

    return read


def sources(archive):
    with (archive / "sources.csv").open() as file:
        return list(csv.DictReader(file))


def test_positions_alone_find_their_fields(archive, catalog_of):
    known = sources(archive)
    found = catalog_of([{name: row[name] for name in ("objid", "ra", "dec")} for row in known]).table
    assert (np.array(found["problem"]) == "").all()
    expected = np.array([int(row["field"]) for row in known])
    # Fields overlap, and all have the same score: an object in an overlap is nearer to one of the two middles.
    assert (np.array(found["field"]) == expected).mean() > 0.95
    assert set(found["run"].to_pylist()) == {9001}
    assert set(found["rerun"].to_pylist()) == {301}


def test_a_field_that_the_catalogue_names_is_kept_and_only_the_others_are_looked_up(archive, catalog_of):
    rows = [{name: row[name] for name in ("objid", "ra", "dec", *FIELD)} for row in sources(archive)]
    rows[0] |= {"run": "94", "camcol": "2", "field": "7"}
    rows[1] |= {"field": ""}
    found = catalog_of(rows).table.to_pylist()
    assert [found[0][name] for name in FIELD] == [94, 2, 7]
    assert [found[1][name] for name in FIELD] == [9001, 3, int(sources(archive)[1]["field"])]


def test_a_position_off_the_footprint_is_outside_and_says_how_far_the_nearest_field_is(archive, catalog_of):
    known = sources(archive)[0]
    there = {name: known[name] for name in ("objid", "ra", "dec")}
    rows = [there, {**there, "objid": "2", "dec": str(float(known["dec"]) + 0.5)}, {**there, "objid": "3", "ra": "10"}]
    found = catalog_of(rows).table["problem"].to_pylist()
    assert found[0] == ""
    assert "the survey has no image there: its nearest field is 30 arcmin away" in found[1]
    assert "degrees away" in found[2]
    assert [_of_problem(text) for text in (*found, "ra is missing")] == [
        Status.OK,
        Status.OUTSIDE,
        Status.OUTSIDE,
        Status.INVALID,
    ]


def test_rows_of_the_list_that_are_no_fields_are_told(archive, catalog_of):
    lines = (archive / "fields.csv").read_text().splitlines()
    (archive / "damaged.csv").write_text("\n".join([*lines[:2], "9001,301,3,101,bad", *lines[3:]]) + "\n")
    rows = [{name: row[name] for name in ("objid", "ra", "dec")} for row in sources(archive)]
    notes = catalog_of(rows, "damaged.csv").notes
    assert [note for note in notes if "archive.fields: 1 row of" in note and "end as outside" in note]


def test_without_the_list_the_message_names_it(archive, catalog_of):
    with pytest.raises(ConfigurationError, match='fields = "window_flist.fits"'):
        catalog_of([{name: row[name] for name in ("objid", "ra", "dec")} for row in sources(archive)], fields=None)
