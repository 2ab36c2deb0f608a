"""Colours and fonts of the page."""

from survey_batch.report.style import CLASS_COLORS, class_colors


def test_every_class_has_its_own_colour_however_many_there_are():
    for number in (1, len(CLASS_COLORS), 20):
        colors = class_colors([f"c{i}" for i in range(number)])
        assert len(set(colors.values())) == number + 1  # and grey for none
