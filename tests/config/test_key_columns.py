"""Names of the columns of catalogues."""

import itertools

import pytest

from survey_batch.config.key_columns import MEANINGS, OTHER_COLUMNS, POSITION
from survey_batch.config.survey import find_survey, survey_names

SURVEYS = [find_survey(name) for name in survey_names()]


def names_of(survey):
    """Each of our names, with the names by which catalogues have it."""
    return {**POSITION, **survey.columns, **{column.name: column.names for column in survey.key}}


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda survey: survey.name)
def test_names_are_in_the_spelling_in_which_they_are_compared(survey):
    for name in itertools.chain.from_iterable([*OTHER_COLUMNS.values(), *names_of(survey).values()]):
        assert name == name.lower().translate(dict.fromkeys(map(ord, "_ -")))


@pytest.mark.parametrize("survey", SURVEYS, ids=lambda survey: survey.name)
def test_every_column_has_a_meaning_and_a_key_has_its_own(survey):
    assert {*POSITION, *OTHER_COLUMNS, *survey.columns} <= {*MEANINGS}
    assert all(column.meaning for column in survey.key)
