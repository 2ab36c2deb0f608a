"""What SDSS imaging makes of a catalogue's rows."""

import pyarrow as pa
import pytest

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.surveys.sdss.survey import RERUN, SDSS
from tests.jobs import archive_section

ARCHIVE = archive_section("sdss", root="/a")


def read(**columns):
    draft = Draft(Rows(pa.table(columns)), {name: name for name in columns})
    key = SDSS.read_key(draft, ARCHIVE)
    return {name: values.tolist() for name, values in key.items()}, draft


def test_a_row_is_led_to_its_frame_and_its_spectrum():
    key, draft = read(rerun=[301], run=[94], camcol=[1], field=[11], plate=[266])
    assert key == {
        "rerun": [301],
        "run": [94],
        "camcol": [1],
        "field": [11],
        "plate": [266],
        "mjd": [-1],
        "fiberid": [-1],
    }
    assert (draft.problem.tolist(), draft.notes) == ([""], [])


def test_a_catalogue_without_a_rerun_has_the_usual_one_and_a_note():
    key, draft = read(run=[94], camcol=[6], field=[11])
    assert key["rerun"] == [RERUN]
    assert any("no column for rerun: 301 is assumed" in note for note in draft.notes)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("run", None, "run is missing: no frame can be found without it"),
        ("field", "", "field is missing: no frame can be found without it"),
        ("rerun", None, "rerun is missing"),
        ("camcol", 0, "camcol must lie from 1 to 6"),
        ("camcol", 7, "camcol must lie from 1 to 6"),
        ("field", "11.5", "field"),
        ("run", "é", "run"),
    ],
)
def test_a_row_without_a_frame_cannot_be_used(column, value, said):
    columns = {"rerun": 301, "run": 94, "camcol": 1, "field": 11, column: value}
    _, draft = read(**{name: [None if one is None else str(one)] * 2 for name, one in columns.items()})
    assert all(said in problem for problem in draft.problem.tolist())


def test_it_says_which_columns_it_needs_and_how_to_get_them():
    assert SDSS.missing({"ra": "", "dec": ""}, ARCHIVE) == ["run", "camcol", "field"]
    assert "astroquery.sdss.SDSS.query_crossid" in SDSS.purpose(ARCHIVE)
