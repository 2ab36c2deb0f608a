"""The base of the job file's tables."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError, model_validator

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


class Numbers(Section):
    whole: PositiveInt | None = None
    real: float = 0.0
    several: tuple[float, float] = (0.0, 1.0)
    by_name: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    one: Literal[1] = 1
    either: bool | int = 0
    any_at_all: Mapping[str, Any] = {}
    text: str | None = None
    inner: Range = Range()


@pytest.mark.parametrize("wrong", [{"whole": True}, {"by_name": {"a": True}}, {"one": True}])
def test_a_truth_value_is_no_whole_number(wrong):
    with pytest.raises(ValidationError) as caught:
        Numbers(**wrong)
    assert [error["type"] for error in caught.value.errors()] == ["int_type"]


@pytest.mark.parametrize("wrong", [{"real": False}, {"several": [1.0, True]}])
def test_a_truth_value_is_no_number(wrong):
    with pytest.raises(ValidationError) as caught:
        Numbers(**wrong)
    assert [error["type"] for error in caught.value.errors()] == ["float_type"]


def test_truth_values_stay_where_they_are_allowed():
    right = Numbers(either=True, any_at_all={"a": True}, whole=3, real=2, several=[1, 2])
    assert (right.either, right.any_at_all, right.whole, right.real, right.several) == (True, {"a": True}, 3, 2, (1, 2))
