"""Numbers of the catalogue beside those that the plan holds."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.columns import read_columns
from tests.jobs import lamost_job


@pytest.fixture
def job(tmp_path):
    lines = [
        "obsid|ra|dec|Teff|log_g|name|filename",
        "1|1|1|5800|-9999|x|a.fits",
        "2|2|2||4.5|y|b.fits",
        "3|3|3|6100|4.1|z|c.fits",
    ]
    (tmp_path / "catalog.csv").write_text("\n".join(lines) + "\n")
    keys = {"catalog": {"path": str(tmp_path / "catalog.csv")}, "archive": {"survey": "lamost", "root": "unused"}}
    return lamost_job(keys, tmp_path / "out", ["spectra"])


def test_columns_come_in_the_order_asked_for_and_missing_numbers_are_nan(job):
    found = read_columns(job, np.array([2, 0, 1]), ["Teff", "log_g"], "train.columns")
    np.testing.assert_array_equal(found.values, [[6100, 4.1], [5800, np.nan], [np.nan, 4.5]])
    assert found.units == {"Teff": "", "log_g": ""}


def test_case_and_underscores_do_not_matter(job):
    np.testing.assert_array_equal(read_columns(job, np.array([2]), ["teff", "LogG"], "x").values, [[6100, 4.1]])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("tef", r"no column 'tef' \(did you mean 'Teff'\?\)\ncolumns of .*: obsid, ra"),
        ("name", "'name' .* has no number"),
    ],
)
def test_a_column_that_is_missing_or_holds_text_is_refused(job, column, message):
    with pytest.raises(ConfigurationError, match=f"(?s)train.columns: .*{message}"):
        read_columns(job, np.arange(3), [column], "train.columns")
