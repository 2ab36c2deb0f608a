"""What a survey says of itself, and what the base class makes of it."""

import tomllib

import numpy as np
import pyarrow as pa
import pytest

from survey_batch.config import survey
from survey_batch.config.job import Job
from survey_batch.config.key_columns import KeyColumn
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey, find_survey, possible_stages, survey_names
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.plugins import STAGES, offered


class Tiles(Survey):
    """Objects in tiles, for these tests."""

    name = "tiles"
    key = (KeyColumn("tile", "text", ("tile",)), KeyColumn("number", "integer", ("number",), needed=False))
    order = ("tile",)
    stages = {}  # noqa: RUF012
    needs_id = True
    file = "tile"


class Rows:
    """Rows of a catalogue with the columns of the key."""

    names, notes = {"tile": "tile", "number": "number"}, []

    def __init__(self, tiles, numbers):
        self.tiles, self.numbers, self.rejected = tiles, numbers, {}

    def __len__(self):
        return len(self.tiles)

    def text(self, name):
        return pa.array(self.tiles, pa.string())

    def whole_number(self, name):
        return np.array(self.numbers)

    def reject(self, wrong, reason, *named):
        self.rejected |= {int(row): (reason, named) for row in np.flatnonzero(wrong)}


def archive():
    return ArchiveSection.model_construct(survey="tiles", root="-")


def test_columns_that_are_needed_are_the_id_the_position_and_the_needed_key():
    assert Tiles().missing({}, archive()) == ["object_id", "ra", "dec", "tile"]
    assert Tiles().missing(dict.fromkeys(("object_id", "ra", "dec", "tile"), ""), archive()) == []
    assert "object_id, ra, dec, tile" in Tiles().purpose(archive())


def test_a_row_without_a_needed_value_is_rejected_with_the_name_of_what_is_missing():
    rows = Rows(["a", None, ""], [1, 2, -1])
    key = Tiles().read_key(rows, archive())
    assert key["tile"].to_pylist() == ["a", "", ""]
    assert key["number"].tolist() == [1, 2, -1]
    reason = ("tile is missing: no tile can be found without it", ("tile",))
    assert rows.rejected == {1: reason, 2: reason}


def test_the_keys_of_a_survey_s_archive_say_where_its_files_are():
    assert find_survey("lamost").located_by() == "archive.root and archive.layout"
    assert find_survey("sdss").archive_keys() == ("release", "fields")
    assert find_survey("sdss").located_by() == "archive.root and archive.release"
    assert find_survey("skyserver").located_by() == "archive.root"
    assert find_survey("sdss-spectra").located_by().endswith(", archive.run2d and archive.layout")


def test_a_survey_without_an_example_of_its_own_has_one_that_names_its_stages_and_columns():
    example = tomllib.loads(Tiles().example())
    assert example["archive"] == {"survey": "tiles", "root": "archive"}
    assert (example["output"], example["stages"]) == ("runs/{name}", [])
    assert "# needed columns: object_id, ra, dec, tile\n" in Tiles().example()


class Unsorted(Survey):
    """A survey that does not say all that it must."""

    name = "unsorted"
    stages = {}  # noqa: RUF012


@pytest.mark.parametrize(
    ("offered", "said"),
    [
        (Unsorted(), "the survey 'tiles' does not define order: add what is missing"),
        (Tiles, r"must be a Survey, but is <class .*Tiles'>; name an object of the class, made by Tiles\(\)"),
        ("tiles", "must be a Survey, but is 'tiles'$"),
    ],
)
def test_what_is_no_whole_survey_is_refused_with_what_it_lacks(monkeypatch, offered, said):
    monkeypatch.setattr(survey, "load", lambda _group, _name: offered)
    with pytest.raises(ConfigurationError, match=said):
        find_survey("tiles")


@pytest.mark.parametrize("name", survey_names())
def test_every_survey_sorts_by_columns_that_it_knows_and_its_first_stage_reads_the_archive(name):
    found = find_survey(name)
    known = found.known_columns()
    assert {*found.order, *found.field} <= {*known}
    assert {column.name for column in found.key} <= {*known}
    assert next(iter(found.stages.values())).starts
    assert set(possible_stages(name)) == {*found.stages, *offered(STAGES)}


def test_a_survey_that_is_not_installed_is_refused_with_those_that_are():
    with pytest.raises(ConfigurationError, match=r"'sddss' is not known \(did you mean 'sdss'\?\); there are"):
        find_survey("sddss")


def test_the_archive_of_a_job_has_the_keys_of_its_survey_and_stays_so_when_it_is_written_and_read():
    tables = {"name": "a", "output": "o", "stages": ["spectra"], "catalog": {"path": "c.csv"}}
    job = Job.model_validate({**tables, "archive": {"survey": "lamost", "root": "r", "layout": "plan"}})
    again = Job.model_validate(job.model_dump(mode="json"))
    assert again.archive.layout == job.archive.layout == "plan"
    assert again == job
