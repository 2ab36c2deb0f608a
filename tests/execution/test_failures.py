"""When a shard has failed too often."""

from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from survey_batch.cluster.base import Death
from survey_batch.core.errors import ConfigurationError, ReaderError, SurveyBatchError
from survey_batch.execution.failures import ADVICE, DOUBT_SECONDS, Deaths, Failures
from survey_batch.store.schema import Shard

SHARD, OTHER = Shard("object", 3, 24, 32), Shard("object", 4, 32, 40)
DEATH = KilledWorker("spectra", None, 0)


def failures_of(per_report=1, death_of=lambda _name, _address: Death()):
    return Failures(Deaths(death_of, per_report))


def death(number):
    return KilledWorker("spectra", SimpleNamespace(name=f"worker {number}", address=f"tcp://{number}"), 0)


def test_the_third_death_is_once_too_often_and_the_second_makes_the_last_try():
    failures = failures_of()
    assert failures.note("spectra", SHARD, DEATH, None) is None
    assert not failures.at_last_try(SHARD, ["spectra", "features"])
    assert failures.note("spectra", SHARD, DEATH, None) is None
    assert failures.at_last_try(SHARD, ["spectra", "features"])
    assert not failures.at_last_try(SHARD, ["features"])
    assert not failures.at_last_try(OTHER, ["spectra"])
    assert "its worker died 3 times" in failures.note("spectra", SHARD, DEATH, None)


def test_a_death_is_told_with_all_that_may_have_caused_it(caplog):
    failures_of().note("spectra", SHARD, DEATH, None)
    (told,) = caplog.messages
    assert "its worker died once (out of memory, a crash in a library, or the end of its job: cancelled or" in told


def test_a_shard_whose_workers_died_of_nobody_knows_what_says_what_to_do_next():
    failures = failures_of()
    for _ in range(2):
        failures.note("spectra", SHARD, DEATH, None)
    reason = failures.note("spectra", SHARD, DEATH, None)
    keys, logs = "raise cluster.memory, or lower shards.objects", "log/ in the output"
    assert 0 < reason.index("died 3 times") < reason.index(keys) < reason.index("memory was not short")
    assert reason.index("memory was not short") < reason.index(logs)


def test_a_scheduler_that_tried_several_times_itself_reports_as_many_deaths():
    assert "its worker died 4 times" in failures_of(4).note("spectra", SHARD, DEATH, None)


def test_deaths_that_are_no_fault_of_the_shard_never_set_it_aside(caplog):
    told = "its job 7 was preempted on n1 (PREEMPTED)"
    failures = failures_of(death_of=lambda _name, _address: Death(guilty=False, told=told))
    for number in range(9):
        assert failures.note("spectra", SHARD, death(number), None) is None
    assert not failures.at_last_try(SHARD, ["spectra"])
    assert f"its worker is gone: {told}; trying again" in caplog.messages[-1]


def test_deaths_of_which_nothing_is_known_yet_make_a_suspect_and_count_once_they_are_known():
    known = {}
    failures = failures_of(death_of=lambda name, _address: known.get(name, Death(guilty=None, told="who knows")))
    for number in range(3):
        assert failures.note("spectra", SHARD, death(number), None) is None
    assert failures.at_last_try(SHARD, ["spectra"])
    ran_out = Death(guilty=True, told="its job 7 ran out of memory on n1 (OUT_OF_MEMORY)")
    known |= {"worker 0": ran_out, "worker 1": ran_out, "worker 2": Death(guilty=False, told="preempted")}
    assert failures.note("spectra", SHARD, death(3), None) is None
    known |= {"worker 3": ran_out}
    reason = failures.note("spectra", SHARD, death(4), None)
    assert reason == f"its worker died 3 times (its job 7 ran out of memory on n1 (OUT_OF_MEMORY)): {ADVICE}"


def test_a_shard_at_its_last_try_is_in_doubt_until_its_deaths_are_known_but_not_for_ever():
    known, clock = {}, [0.0]
    deaths = Deaths(lambda name, _address: known.get(name, Death(guilty=None)), now=lambda: clock[0])
    failures = Failures(deaths)
    for number in range(3):
        assert not failures.in_doubt(SHARD, ["spectra"])
        failures.note("spectra", SHARD, death(number), None)
    assert failures.in_doubt(SHARD, ["features", "spectra"])
    assert not failures.in_doubt(OTHER, ["spectra"])
    clock[0] = DOUBT_SECONDS
    assert not failures.in_doubt(SHARD, ["spectra"])
    clock[0] = 0.0
    known |= {f"worker {number}": Death(told="out of memory") for number in range(2)}
    assert failures.in_doubt(SHARD, ["spectra"]), "the third decides"
    assert failures.verdict("spectra", SHARD) is None
    known["worker 2"] = Death(told="out of memory")
    assert not failures.in_doubt(SHARD, ["spectra"])
    assert failures.verdict("spectra", SHARD) == f"its worker died 3 times (out of memory): {ADVICE}"


def test_a_shard_that_outlasts_its_walltime_fails_with_the_keys_to_change_and_preemption_never_counts():
    timed_out = Death(guilty=True, told="its job 7 reached its time limit on n1 (TIMEOUT)", advice="raise a key")
    preempted = Death(guilty=False, told="its job 8 was preempted on n1 (PREEMPTED)")
    known = {f"worker {number}": preempted if number % 2 else timed_out for number in range(9)}
    failures = failures_of(death_of=lambda name, _address: known[name])
    for number in range(4):
        assert failures.note("spectra", SHARD, death(number), None) is None
    reason = failures.note("spectra", SHARD, death(4), None)
    assert reason == "its worker died 3 times (its job 7 reached its time limit on n1 (TIMEOUT)): raise a key"


@pytest.mark.parametrize(
    ("error", "reason"), [(SurveyBatchError("no such file"), "no such file"), (KeyError("flux"), "KeyError: 'flux'")]
)
def test_an_error_may_be_raised_once(error, reason):
    failures = failures_of()
    assert failures.note("spectra", SHARD, error, None) is None
    assert failures.note("features", SHARD, error, None) is None
    assert failures.note("spectra", SHARD, error, None) == reason


def test_no_node_decides_alone_that_a_shard_fails_where_there_are_others():
    failures = failures_of()
    for _ in range(3):
        assert failures.note("spectra", SHARD, KeyError("flux"), None, "a", elsewhere=True) is None
    assert failures.note("spectra", SHARD, KeyError("flux"), None, "b", elsewhere=True) == "KeyError: 'flux'"
    assert failures.note("spectra", OTHER, KeyError("flux"), None, "a", elsewhere=False) is None
    assert failures.note("spectra", OTHER, KeyError("flux"), None, "a", elsewhere=False) == "KeyError: 'flux'"


def test_a_reader_s_own_traceback_is_logged(caplog):
    failures_of().note("cutouts", SHARD, ReaderError("the reader failed", "at line 3"), None)
    assert [(one.traceback, one.exc_info) for one in caplog.records] == [("at line 3", None)]


def test_a_job_that_is_at_fault_is_not_tried_again():
    with pytest.raises(ConfigurationError, match="no such classifier"):
        failures_of().note("predictions", SHARD, ConfigurationError("no such classifier"), None)
