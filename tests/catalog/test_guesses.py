"""Columns are found by their names, however these are spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.guesses import first_match, matching, plain, unit_in_name

WORDS = st.lists(st.text("abcXYZ019", min_size=1, max_size=4), min_size=1, max_size=4)


@given(WORDS, st.sampled_from(["_", "-", " ", "", "__", "\t"]))
def test_a_name_is_the_same_however_its_words_are_joined_and_capitalised(words, mark):
    assert plain(mark.join(words).upper()) == plain("".join(words)) == "".join(words).lower()


@pytest.mark.parametrize(
    "name", ["Dec (deg)", "dec[deg]", "DEC (°) ", "Dec_(degrees)", "dec [rad]", "Dec (dd:mm:ss.s)"]
)
def test_a_unit_of_whole_angles_in_brackets_is_not_part_of_a_name(name):
    assert plain(name) == "dec"


@pytest.mark.parametrize("name", ["RA (h)", "RA (hours)", "RA [arcsec]", "RA (err)"])
def test_a_name_with_a_unit_that_may_be_of_a_part_alone_is_not_guessed(name):
    assert plain(name) != "ra"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("RA (h)", "h"),
        ("RAJ2000 [hh:mm:ss.ss]", "hh:mm:ss.ss"),
        ("RArad", "rad"),
        ("ra_hours", "hours"),
        ("DEJ2000_dms", "dms"),
        ("dec", ""),
        ("ra_h", ""),
        ("RA (err)", ""),
        ("grad", ""),
    ],
)
def test_the_unit_of_a_position_is_known_from_the_end_of_its_name(name, unit):
    assert unit_in_name(name) == unit


def test_candidates_go_before_the_order_in_the_file():
    names = ["DEC_J2000", "RA", "ra_j2000", "Ra"]
    assert matching(["raj2000", "ra"], names) == ["ra_j2000", "RA", "Ra"]
    assert first_match(["raj2000", "ra"], names) == "ra_j2000"
    assert first_match(["glon"], names) is None
