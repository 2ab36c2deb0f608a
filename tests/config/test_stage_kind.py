"""What a kind of stage stands for."""

import pytest

from survey_batch.config import survey
from survey_batch.config.stage_kind import StageKind
from survey_batch.core.plugins import resolve
from survey_batch.stages import kinds
from survey_batch.stages.base import Stage


@pytest.mark.parametrize("kind", [kind for kind in vars(kinds).values() if isinstance(kind, StageKind)])
def test_every_kind_of_ours_is_a_stage_and_keeps_its_product_by_a_table_that_it_reads(kind):
    assert issubclass(resolve(kind.make), Stage)
    assert kind.table is None or any(key.partition(".")[0] == kind.table for key in kind.reads)


@pytest.mark.parametrize("name", survey.survey_names())
def test_every_stage_of_a_survey_is_a_stage(name):
    for kind in survey.find_survey(name).stages.values():
        assert issubclass(resolve(kind.make), Stage)
