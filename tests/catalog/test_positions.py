"""Positions of a batch: which are impossible, and what they look like instead."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.positions import read_positions
from survey_batch.catalog.source import Rows
from survey_batch.core.errors import ConfigurationError


def read(ra, dec, needed=True):
    draft = Draft(Rows(pa.table({"RA": ra, "DEC": dec})), {"ra": "RA", "dec": "DEC"})
    return *read_positions(draft, needed=needed), draft.problem.tolist()


@given(st.lists(st.tuples(st.floats(-200, 600), st.floats(-100, 100)), min_size=1))
def test_positions_within_their_limits_are_read_and_no_others(positions):
    ra, dec = np.array(positions).T
    found_ra, found_dec, problems = read(ra, dec)
    good_ra, good_dec = (ra >= -180) & (ra <= 540), np.abs(dec) <= 90
    np.testing.assert_array_equal(found_ra, np.where(good_ra, ra, np.nan))
    np.testing.assert_array_equal(found_dec, np.where(good_dec, dec, np.nan))
    assert [problem == "" for problem in problems] == (good_ra & good_dec).tolist()


def test_a_position_may_be_missing_only_where_it_is_not_needed():
    ra, dec = [10.0, None], [None, 20.0]
    assert read(ra, dec)[2] == [
        "DEC = ''; dec is missing: a cutout needs a position",
        "RA = ''; ra is missing: a cutout needs a position",
    ]
    found_ra, found_dec, problems = read(ra, dec, needed=False)
    assert problems == ["", ""]
    np.testing.assert_array_equal(found_ra, [10, np.nan])
    np.testing.assert_array_equal(found_dec, [np.nan, 20])


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("12:30:00", 'ra is not a number in degrees; if it is sexagesimal, say so: [catalog] units = {ra = "sex'),
        ("187,5", "ra is not a number in degrees; numbers need a decimal point, not a comma"),
        ("1.875D+02", "ra is not a number in degrees; the exponent needs an E, not a D"),
        ("\N{MINUS SIGN}1.5", "ra is not a number in degrees; the minus sign needs to be a hyphen"),
        ("187.5\N{DEGREE SIGN}", "ra is not a number in degrees; leave out the degree sign"),
        ("east", "ra is not a number in degrees"),
    ],
)
def test_text_that_is_no_number_says_what_it_looks_like(text, hint):
    _, _, (problem, other) = read([text, "1"], ["0", "0"])
    assert problem.startswith(f"RA = {text!r}; {hint}")
    assert other == ""


def test_positions_in_half_precision_are_refused():
    with pytest.raises(ConfigurationError, match=r"column 'RA' \(ra\) is in half precision.*double precision"):
        read(pa.array([187.5], pa.float16()), [0.0])
