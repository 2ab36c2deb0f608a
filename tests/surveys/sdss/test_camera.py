"""Noise properties of the CCDs, by camera column, band and run."""

import pytest

from survey_batch.surveys.sdss.camera import DARK_VARIANCE, GAIN, ccd


@pytest.mark.parametrize("table", [GAIN, DARK_VARIANCE])
def test_every_ccd_has_a_value(table):
    assert sorted(table) == sorted("ugriz")
    assert all(len(columns) == 6 and min(columns) > 0 for columns in table.values())


def test_columns_count_from_one():
    assert ccd(2820, 1, "g") == (3.32, 15.6025)
    assert ccd(2820, 6, "u") == (2.17, 7.0225)


@pytest.mark.parametrize(
    ("run", "camcol", "band", "expected"),
    [
        (1006, 2, "u", (1.595, 12.6025)),
        (1992, 2, "u", (1.825, 12.6025)),
        (1412, 4, "z", (4.775, 9.61)),
        (1992, 4, "z", (4.775, 12.6025)),
        (1412, 2, "i", (6.565, 5.76)),
        (1992, 4, "i", (4.885, 7.5625)),
        (1992, 5, "z", (3.48, 2.1025)),
        (1992, 5, "r", (4.725, 0.81)),
    ],
)
def test_what_changed_during_the_survey_follows_the_run(run, camcol, band, expected):
    assert ccd(run, camcol, band) == expected
