"""What the tables that choose objects may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.catalog import SHARES, SampleSection, SelectSection, SplitSection


@pytest.mark.parametrize("name", SHARES)
def test_a_share_of_one_is_all(name):
    split = SplitSection.model_validate({name: 1.0})
    assert {share: getattr(split, share) for share in SHARES} == {**dict.fromkeys(SHARES, 0.0), name: 1.0}


@given(st.floats(0, 1), st.floats(0, 1))
def test_shares_must_sum_to_one(train, validation):
    given = {"train": train, "validation": validation, "test": 1 - train - validation}
    if given["test"] >= 0:
        assert SplitSection.model_validate(given).train == train
    if train < 0.99:
        with pytest.raises(ValidationError, match="must sum to 1|less than or equal to 1"):
            SplitSection.model_validate({**given, "test": abs(given["test"]) + 0.01})


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_a_range_has_its_lowest_value_first_and_may_be_open(low, high):
    if low <= high:
        assert SelectSection(snr=(low, high)).snr == (low, high)
    else:
        with pytest.raises(ValidationError, match=r"a range is \[lowest, highest\]"):
            SelectSection(snr=(low, high))


def test_a_range_of_nan_is_none():
    with pytest.raises(ValidationError, match="a range is"):
        SelectSection(magnitudes={"r": (float("nan"), 1.0)})


@pytest.mark.parametrize("keys", [{}, {"per_class": 3, "total": 9}])
def test_a_sample_has_one_number(keys):
    with pytest.raises(ValidationError, match="per_class or total must be set, but not both"):
        SampleSection(**keys)
    assert SampleSection(total=9).per_class is None
