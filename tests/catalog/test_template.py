"""Names of files made of columns."""

import pyarrow as pa
import pytest

from survey_batch.catalog.template import Template, below

COLUMNS = {"brick": ["0001m002", "2345p010", None], "run": ["94", "0017", "x"], "version": ["1.0", "7.", "-2.0"]}


def filled(text):
    return Template(text, ("band",)).fill(lambda name: pa.array(COLUMNS[name], pa.string()), 3).to_pylist()


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("a.fits", ["a.fits"] * 3),
        ("{brick}-{band}.fits", ["0001m002-{band}.fits", "2345p010-{band}.fits", None]),
        ("{brick:.3}/{brick}", ["000/0001m002", "234/2345p010", None]),
        ("{run:06d}-{run:03}", ["000094-094", "000017-017", None]),
        ("{run:06d}", ["000094", "000017", None]),
        ("{run}", ["94", "0017", "x"]),
        ("{version}", ["1.0", "7.", "-2.0"]),  # text stays as it is, a number in so many digits is a whole one
        ("{version:03d}", ["001", "007", None]),
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
        ("{a:0123456789d}", r"\{a:0123456789d\} is not understood"),
        ("{a:{b}}", "is not understood"),
        ("{band:.2}", r"\{band:.2\} is not understood"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        Template(text, ("band",))


@pytest.mark.parametrize("root", ["/data/images", "/data/images/", "s3://data/images"])
def test_files_below_the_root_lose_it_and_others_stay_as_they_are(root):
    beginning = root.rstrip("/")
    files = pa.array([f"{beginning}/a/b.fits", "a/b.fits", f"{beginning}2/c.fits", None, "../d.fits"], pa.string())
    assert below(root, files).to_pylist() == ["a/b.fits", "a/b.fits", f"{beginning}2/c.fits", None, "../d.fits"]
