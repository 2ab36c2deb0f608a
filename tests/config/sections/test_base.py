"""The base of the job file's tables."""

import pytest
from pydantic import ValidationError, model_validator

from survey_batch.config.sections.base import Section, WrongKeyError


class Range(Section):
    low: int = 0
    high: int = 1

    @model_validator(mode="after")
    def _ordered(self):
        if self.high < self.low:
            raise WrongKeyError("high must not be below low", "inner", "high")
        return self


def test_unknown_keys_are_refused_and_nothing_changes_afterwards():
    with pytest.raises(ValidationError, match="é"):
        Range(é=1)
    with pytest.raises(ValidationError, match="frozen"):
        Range().low = 3


def test_a_check_of_several_keys_names_the_one_at_fault():
    with pytest.raises(ValidationError, match="high must not be below low") as caught:
        Range(low=2)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert (str(error), error.key) == ("high must not be below low", ("inner", "high"))
