import numpy as np
import pytest

from survey_batch.catalog.fields import read_fields
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="-")


def read(tmp_path, text, **keys):
    path = tmp_path / "fields.csv"
    path.write_text(text)
    return read_fields(CatalogSection(path=str(path), detect={}, **keys), SDSS)


def test_fields_come_in_order_and_once_each(tmp_path):
    table, notes = read(tmp_path, "run,rerun,camcol,field\n752,301,2,11\n94,301,6,12\n752,301,2,11\n")
    assert table.to_pylist() == [
        {"rerun": 301, "run": 94, "camcol": 6, "field": 12},
        {"rerun": 301, "run": 752, "camcol": 2, "field": 11},
    ]
    assert any("1 of 3 rows with the field of another" in note for note in notes)


def test_the_rerun_of_nearly_all_imaging_is_taken_where_there_is_no_such_column(tmp_path):
    table, notes = read(tmp_path, "run,camcol,field\n94,6,12\n")
    assert np.asarray(table["rerun"]).tolist() == [301]
    assert any("301" in note for note in notes)


def test_columns_are_named_as_in_any_catalogue(tmp_path):
    table, _ = read(tmp_path, "scan,camcol,field\n94,6,12\n", columns={"run": "scan"})
    assert np.asarray(table["run"]).tolist() == [94]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run,camcol,field\n94,6,12\n94,7,13\n", "row 1.*camcol must lie from 1 to 6"),
        ("run,camcol,field\n94,6,\n", "row 0.*field is missing"),
        ("run,camcol,field\n", "no rows"),
        ("run,camcol\n94,6\n", "no column found for 'field'"),
    ],
)
def test_a_list_that_names_no_field_is_refused_with_the_reason(tmp_path, text, words):
    with pytest.raises(ConfigurationError, match=words):
        read(tmp_path, text)


def test_a_survey_without_frames_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="has none"):
        read_fields(CatalogSection(path=str(tmp_path), detect={}), archive_section(survey="lamost", root="-"))
