"""Names of files made of columns."""

import pyarrow as pa
import pytest

from survey_batch.catalog.template import Template

COLUMNS = {"brick": ["0001m002", "2345p010", None], "run": ["94", "0017", "x"]}


def filled(text):
    return Template(text, ("band",)).fill(lambda name: pa.array(COLUMNS[name], pa.string()), 3).to_pylist()


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a.fits", ["a.fits"] * 3),
        ("{brick}-{band}.fits", ["0001m002-{band}.fits", "2345p010-{band}.fits", None]),
        ("{brick:.3}/{brick}", ["000/0001m002", "234/2345p010", None]),
        ("{run:06d}-{run:03}", ["000094-094", "000017-017", None]),
        ("{run}", ["94", "0017", "x"]),
    ],
)
def test_columns_are_written_as_the_template_says_and_a_missing_one_leaves_no_name(text, made):
    assert filled(text) == made


def test_the_columns_are_named_once_and_the_band_is_none():
    assert Template("{a}/{b:.2}/{a}-{band}", ("band",)).columns == ("a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{a", "expected '}'"),
        ("a}", "Single '}'"),
        ("{}", "without the name of a column"),
        ("{a!r}", "without the name of a column"),
        ("{a:>9}", r"\{a:>9\} is not understood: write \{a\}, \{a:06d\}"),
        ("{band:.2}", r"\{band:.2\} is not understood"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Template(text, ("band",))
