"""A catalogue that lacks columns is told which, and where to get them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.needs import columns_of, explain_missing, near
from survey_batch.catalog.source import Column, Source
from survey_batch.config.survey import find_survey
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")


def source(*columns, **keys):
    made = (column if isinstance(column, Column) else Column(column) for column in columns)
    return Source("c.csv", tuple(made), lambda _: iter(()), **keys)


def test_each_missing_column_has_a_line_with_what_may_be_meant():
    said = explain_missing(["run", "camcol"], source("ra", "dec", "cam_coll"), SDSS).splitlines()
    assert said[0] == "catalog: no column found for 'run'; name it: [catalog] columns = {run = \"<column>\"}"
    assert said[1].startswith("catalog: no column found for 'camcol' (did you mean 'cam_coll'?); name it")
    assert said[2] == "columns of c.csv: ra, dec, cam_coll"
    assert "\n".join(said[3:]) == find_survey("sdss").purpose(SDSS)


def test_a_catalogue_that_lacks_a_position_alone_is_not_told_of_the_survey_s_other_columns():
    said = explain_missing(["ra"], source("right", "dec", "run", "camcol", "field"), SDSS).splitlines()
    assert said[-1] == "columns of c.csv: right, dec, run, camcol, field"
    assert explain_missing(["ra", "run"], source("dec"), SDSS).endswith(find_survey("sdss").purpose(SDSS))


def test_a_vector_of_the_right_name_is_said_to_be_one():
    said = explain_missing(["run"], source("ra", "dec", Column("RUN", vector=True)), SDSS)
    assert "no column found for 'run' ('RUN' holds vectors, not one value per row); name it" in said


def test_the_columns_of_another_survey_are_recognised():
    lamost = archive_section(survey="lamost", root="/archive")
    frames = source("ra", "dec", "run", "rerun", "camcol", "field")
    assert explain_missing(["lmjd"], frames, lamost).endswith(
        'these are columns of another survey: did you mean archive.survey = "sdss"?'
    )
    positions = source("ra", "dec")
    assert explain_missing(["lmjd"], positions, lamost).endswith(find_survey("lamost").purpose(lamost))


def test_other_tables_of_a_file_are_listed_without_the_one_that_is_read():
    tables = {1: "stars", 2: "galaxies", 3: "quasars"}
    assert columns_of(source("ra", tables=tables, table=2)) == (
        "columns of c.csv: ra; other tables of the file: 1 stars, 3 quasars (choose with catalog.table)"
    )


@given(st.text("abcdefgh", min_size=3, max_size=12))
def test_a_name_is_near_to_itself_in_another_spelling(name):
    assert near(name, [name.upper(), "0123456789"]) == f" (did you mean {name.upper()!r}?)"


@pytest.mark.parametrize("names", [[], ["xyz"]])
def test_nothing_is_suggested_where_nothing_is_near(names):
    assert near("camcol", names) == ""


def test_a_column_that_is_known_as_something_else_is_not_suggested():
    said = explain_missing(["spid"], source("obsid", "spdi"), archive_section(survey="lamost", root="/archive"))
    assert "(did you mean 'spdi'?)" in said.splitlines()[0]
