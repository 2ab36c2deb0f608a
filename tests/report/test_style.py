"""Colours and fonts of the page."""

import pytest

from survey_batch.core.status import Status
from survey_batch.report.style import CLASS_COLORS, STATUS_COLORS, advice, class_colors


def test_every_class_has_its_own_colour_however_many_there_are():
    for number in (1, len(CLASS_COLORS), 20):
        colors = class_colors([f"c{i}" for i in range(number)])
        assert len(set(colors.values())) == number + 1  # and grey for none


def test_no_class_is_grey_and_a_class_has_one_colour_in_any_list_of_the_same():
    assert class_colors([])[""] == class_colors(["A"])[""]
    assert class_colors(["A", "F"])["A"] == class_colors(["A", "F", "G"])["A"]


@pytest.mark.parametrize("status", [member.name.lower() for member in Status if member is not Status.OK])
def test_every_status_but_ok_has_something_to_do_and_a_colour(status):
    assert advice("cutouts", status, "sdss").endswith(".")
    assert status in STATUS_COLORS


def test_advice_names_the_keys_by_which_a_survey_finds_its_files():
    assert "archive.root and archive.layout" in advice("spectra", "not_found", "lamost")
    assert advice("predictions", "unreadable", "sdss") != advice("cutouts", "unreadable", "sdss")
