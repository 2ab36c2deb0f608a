"""Columns are found by their names, however these are spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.guesses import first_match, matching, plain

WORDS = st.lists(st.text("abcXYZ019", min_size=1, max_size=4), min_size=1, max_size=4)


@given(WORDS, st.sampled_from(["_", "-", " ", "", "__", "\t"]))
def test_a_name_is_the_same_however_its_words_are_joined_and_capitalised(words, mark):
    assert plain(mark.join(words).upper()) == plain("".join(words)) == "".join(words).lower()


@pytest.mark.parametrize("name", ["Dec (deg)", "dec[deg]", "DEC (°) ", "Dec_(degrees)"])
def test_degrees_in_brackets_are_not_part_of_a_name(name):
    assert plain(name) == "dec"


@pytest.mark.parametrize("name", ["RA (h)", "ra [rad]", "RA (hours)"])
def test_a_name_with_another_unit_is_not_taken_for_degrees(name):
    assert plain(name) != "ra"


def test_candidates_go_before_the_order_in_the_file():
    names = ["DEC_J2000", "RA", "ra_j2000", "Ra"]
    assert matching(["raj2000", "ra"], names) == ["ra_j2000", "RA", "Ra"]
    assert first_match(["raj2000", "ra"], names) == "ra_j2000"
    assert first_match(["glon"], names) is None
