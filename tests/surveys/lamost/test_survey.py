"""Which columns lead to a LAMOST spectrum, in each layout of the archive."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.source import Rows
from survey_batch.surveys.lamost.survey import LAMOST, fibre_names
from tests.jobs import archive_section

FIBRE = ("lmjd", "planid", "spid", "fiberid")


def archive(layout="flat"):
    return archive_section("lamost", root="/a", layout=layout)


def read(layout="flat", **columns):
    draft = Draft(Rows(pa.table(columns)), {name: name for name in columns})
    return LAMOST.read_key(draft, archive(layout)), draft.problem.tolist()


@pytest.mark.parametrize(
    ("layout", "found", "missing"),
    [
        ("flat", ["filename"], []),
        ("flat", FIBRE, []),
        ("flat", ["obsid", "planid"], ["lmjd", "spid", "fiberid"]),
        ("plan", ["filename"], ["obsdate", "planid"]),
        ("plan", ["obsdate", *FIBRE], []),
        ("obsid", ["obsid"], []),
        ("obsid", ["filename"], ["obsid"]),
    ],
)
def test_each_layout_needs_columns_of_its_own(layout, found, missing):
    assert LAMOST.missing(dict.fromkeys(found, ""), archive(layout)) == missing
    assert f'layout "{layout}"' in LAMOST.purpose(archive(layout))


@given(
    st.integers(50000, 99999), st.text("ABCdef0123_+-", min_size=1, max_size=8), st.integers(1, 16), st.integers(1, 250)
)
def test_a_file_s_name_gives_all_parts_of_the_key(lmjd, planid, spid, fiberid):
    name = f"folder/spec-{lmjd}-{planid}_sp{spid:02d}-{fiberid:03d}.fits.gz"
    key, problems = read(filename=[name])
    assert problems == [""]
    assert (key["lmjd"][0], key["spid"][0], key["fiberid"][0]) == (lmjd, spid, fiberid)
    assert key["planid"].to_pylist() == [planid]
    assert key["filename"].to_pylist() == [name]


def test_columns_of_their_own_go_before_the_file_s_name():
    name = "spec-55000-A_sp01-002.fits"
    key, _ = read(filename=[name, name], lmjd=["56000", ""], planid=["B", ""])
    assert key["lmjd"].tolist() == [56000, 55000]
    assert key["planid"].to_pylist() == ["B", "A"]


def test_a_row_that_names_no_file_is_unusable():
    _, (first, second) = read(filename=["spec-55000-A_sp01-002.fits", ""], lmjd=["1", "2"])
    assert first == ""
    assert "neither a filename nor all of lmjd, planid, spid and fiberid" in second
    _, (problem,) = read("obsid", obsid=[""], filename=["spec-55000-A_sp01-002.fits"])
    assert 'obsid is missing, and layout = "obsid" finds files by it' in problem
    _, (problem,) = read("plan", filename=["spec-55000-A_sp01-002.fits"], obsdate=[None])
    assert 'obsdate is missing, and layout = "plan" finds folders by it' in problem


def test_numbers_as_ids_lose_their_point():
    key, _ = read("obsid", obsid=[101001.0, 101002.0])
    assert key["obsid"].to_pylist() == ["101001", "101002"]


def test_a_fibre_s_name_is_null_where_a_part_is_missing():
    names = fibre_names(np.array([55862, -1]), pa.array(["B6212", "B6212"]), np.array([6, 6]), np.array([3, 3]))
    assert names.to_pylist() == ["55862-B6212-sp06-003", None]
