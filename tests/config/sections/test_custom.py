"""The table of a stage of one's own."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.custom import CustomSection

KEYS = {"input": "cutouts", "variables": ["flux"]}


@pytest.mark.parametrize("function", ["my.module:f", "folder/é file.py:f_1", "C:/x.py:_f"])
def test_a_function_is_named_by_module_or_file(function):
    assert CustomSection(function=function, **KEYS).function == function


@pytest.mark.parametrize("function", ["f", "module.f", ":f", "m:", "m:1f", "m:f g", "m:f-g"])
def test_another_form_is_refused(function):
    with pytest.raises(ValidationError, match="function"):
        CustomSection(function=function, **KEYS)


def test_a_stage_reads_a_variable_at_least():
    with pytest.raises(ValidationError, match="variables"):
        CustomSection(function="m:f", input="cutouts", variables=[])
