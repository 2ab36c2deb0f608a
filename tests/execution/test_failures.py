"""When a shard has failed too often."""

import pytest
from distributed import KilledWorker

from survey_batch.core.errors import ConfigurationError, ReaderError, SurveyBatchError
from survey_batch.execution.failures import Failures
from survey_batch.store.schema import Shard

SHARD, OTHER = Shard("object", 3, 24, 32), Shard("object", 4, 32, 40)
DEATH = KilledWorker("spectra", None, 0)


def test_the_third_death_is_once_too_often_and_the_second_makes_the_last_try():
    failures = Failures(1)
    assert failures.note("spectra", SHARD, DEATH, None) is None
    assert not failures.at_last_try(SHARD, ["spectra", "features"])
    assert failures.note("spectra", SHARD, DEATH, None) is None
    assert failures.at_last_try(SHARD, ["spectra", "features"])
    assert not failures.at_last_try(SHARD, ["features"])
    assert not failures.at_last_try(OTHER, ["spectra"])
    assert "its worker died 3 times" in failures.note("spectra", SHARD, DEATH, None)


def test_a_death_is_told_with_all_that_may_have_caused_it(caplog):
    Failures(1).note("spectra", SHARD, DEATH, None)
    (told,) = caplog.messages
    assert "its worker died once (out of memory, a crash in a library, or the end of its job: cancelled or" in told


def test_a_scheduler_that_tried_several_times_itself_reports_as_many_deaths():
    assert "its worker died 4 times" in Failures(4).note("spectra", SHARD, DEATH, None)


@pytest.mark.parametrize(
    ("error", "reason"), [(SurveyBatchError("no such file"), "no such file"), (KeyError("flux"), "KeyError: 'flux'")]
)
def test_an_error_may_be_raised_once(error, reason):
    failures = Failures(1)
    assert failures.note("spectra", SHARD, error, None) is None
    assert failures.note("features", SHARD, error, None) is None
    assert failures.note("spectra", SHARD, error, None) == reason


def test_a_reader_s_own_traceback_is_logged(caplog):
    Failures(1).note("cutouts", SHARD, ReaderError("the reader failed", "at line 3"), None)
    assert [(one.traceback, one.exc_info) for one in caplog.records] == [("at line 3", None)]


def test_a_job_that_is_at_fault_is_not_tried_again():
    with pytest.raises(ConfigurationError, match="no such classifier"):
        Failures(1).note("predictions", SHARD, ConfigurationError("no such classifier"), None)
