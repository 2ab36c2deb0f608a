"""What a new job shall say."""

from dataclasses import replace
from pathlib import Path

import pytest

from survey_batch.cli.questions import Wishes, chosen_stages
from survey_batch.config.example import value_in
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError

NOTHING = Wishes(None, None, None, None, None, None)
SDSS = find_survey("sdss")


@pytest.mark.parametrize(
    ("text", "stages"),
    [
        ("frames", ["frames"]),
        (" cutouts ,frames", ["frames", "cutouts"]),
        ("features,cutouts,cutouts", ["cutouts", "features"]),
    ],
)
def test_stages_are_put_in_their_order_and_once(text, stages):
    assert chosen_stages(text, SDSS) == stages


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frames,spectra,é", "'spectra', 'é' is no product of survey 'sdss'; there are frames, cutouts, composites"),
        ("", "'' is no product of survey 'sdss'"),
        ("composites,features", "the first product must be frames or cutouts: the others are made of it"),
    ],
)
def test_stages_that_cannot_be_made_are_refused(text, said):
    with pytest.raises(ConfigurationError, match=said):
        chosen_stages(text, SDSS)


def test_what_is_not_wished_is_as_in_the_example():
    text = NOTHING.text("sdss")
    assert value_in(text, "name") == "job"
    assert value_in(text, "stages") == ["frames", "cutouts"]
    assert value_in(text, "archive", "root") == "https://data.sdss.org/sas/dr17"


def test_what_is_wished_stands_in_the_file():
    wishes = replace(
        NOTHING, job=Path("a/stars.toml"), catalog='é "1".csv', root="r", stages="cutouts", output="s3://b/o"
    )
    text = wishes.text("sdss")
    assert [value_in(text, *key) for key in (("name",), ("catalog", "path"), ("archive", "root"))] == [
        "stars",
        'é "1".csv',
        "r",
    ]
    assert (value_in(text, "stages"), value_in(text, "output")) == (["cutouts"], "s3://b/o")
