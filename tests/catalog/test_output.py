import csv
import json

import pyarrow.parquet as pq
import pytest

from survey_batch.catalog import read_catalog
from survey_batch.catalog.output import summary_rows, write_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.simulate.catalog import simulate_catalog
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate_catalog(tmp_path_factory.mktemp("catalogue") / "c.parquet", objects=5000)


def read(path, **section):
    return read_catalog(CatalogSection.model_validate({"path": str(path)} | section), SDSS)


CHOICE = {
    "id": "specobjid",
    "label": "mk_class",
    "select": {"object_class": ["STAR"]},
    "duplicates": {},
    "sample": {"per_class": 30},
    "split": {"group": "field"},
}


def test_what_was_written_is_a_catalogue_again(path, tmp_path):
    catalog = read(path, **CHOICE)
    written, *_ = write_catalog(catalog, str(tmp_path / "out"))
    again = read(written, label="label").table
    columns = [name for name in again.column_names if name not in ("row", "problem")]
    assert again.select(columns).equals(catalog.table.select(columns))
    assert pq.read_metadata(written).num_rows == catalog.table.num_rows


def test_counts_of_the_summary_add_up(path, tmp_path):
    catalog = read(path, **CHOICE)
    _, table, document, picture = write_catalog(catalog, str(tmp_path / "out"))
    with open(table) as file:
        rows = list(csv.DictReader(file))
    steps = ["in file", "selected", "unique", "sampled", "train", "validation", "test"]
    assert list(rows[0]) == ["class", *steps]
    assert rows[-1]["class"] == "all"
    for step in steps:
        assert sum(int(row[step]) for row in rows[:-1]) == int(rows[-1][step])
    for row in rows:
        counts = [int(row[step]) for step in steps]
        assert counts[:4] == sorted(counts[:4], reverse=True)
        assert counts[3] == sum(counts[4:])
    with open(document) as file:
        found = json.load(file)
    assert found["rows"] + sum(found["left_out"].values()) == 5000 == int(rows[-1]["in file"])
    with open(picture, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_classes_stand_hot_to_cool_and_unchosen_ones_last(path):
    names = [row["class"] for row in summary_rows(read(path, **CHOICE).counts)]
    letters = [name for name in names if name in tuple("OBAFGKM")]
    assert letters == [name for name in "OBAFGKM" if name in letters]
    assert names[-2:] == ["(none)", "all"]
