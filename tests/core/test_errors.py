"""Each error says what becomes of the object or file that it is about."""

import pytest

from survey_batch.core import errors
from survey_batch.core.errors import (
    ConfigurationError,
    ObjectError,
    PlanMismatchError,
    ReaderError,
    SurveyBatchError,
    TransientError,
)
from survey_batch.core.status import UNFINISHED, USABLE, Status

ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, SurveyBatchError)]
OF_THE_ARCHIVE = [one for one in ERRORS if issubclass(one, ObjectError) and one not in (ObjectError, ReaderError)]


@pytest.mark.parametrize("error", OF_THE_ARCHIVE)
def test_an_object_that_the_archive_cannot_give_is_set_aside_for_good(error):
    assert error.status not in (*UNFINISHED, *USABLE)


def test_each_reason_to_set_an_object_aside_has_a_status_of_its_own():
    kinds = [error for error in OF_THE_ARCHIVE if ObjectError in error.__bases__]  # others are cases of these
    reasons = [error.status for error in (*kinds, ObjectError, TransientError)]
    assert len(set(reasons)) == len(reasons)


def test_what_may_pass_is_tried_by_the_next_run():
    assert TransientError.status == Status.UNREACHABLE
    assert {TransientError.status, ObjectError.status, ReaderError.status} <= set(UNFINISHED)


@pytest.mark.parametrize("error", [ConfigurationError, PlanMismatchError])
def test_a_fault_of_the_job_is_no_object_s_fault(error):
    assert not issubclass(error, ObjectError | TransientError)
    assert not hasattr(error, "status")
