"""What a stage learns from all shards does not depend on who sums them up, nor on workers that die."""

import asyncio
import itertools
from types import SimpleNamespace

import pytest
from distributed import KilledWorker

from survey_batch.cluster.base import Connection, Death, Size
from survey_batch.core.errors import SurveyBatchError
from survey_batch.execution import reduction
from survey_batch.execution.failures import DEATHS_ALLOWED, ERRORS_ALLOWED
from survey_batch.execution.reduction import fit
from survey_batch.stages.base import FIT_SHARDS
from survey_batch.store.damage import Damage, DamagedError
from survey_batch.store.schema import cut_into_shards

parts = []
"""The parts that were summed up, by their first shard."""
errors = {}
"""What the part that begins with a shard raises, one error for each attempt."""


class Sums:
    """A stage that learns the text of its shards' numbers, which tells their order."""

    def fit_part(self, shards, sample):
        first = shards[0].index
        parts.append(first)
        assert sample == "these"
        if errors.get(first):
            raise errors[first].pop(0)
        return "".join(f"{shard.index}," for shard in shards)

    def fit_merge(self, sums):
        return "".join(sums)

    def fit_end(self, whole):
        return {"learnt": whole}


@pytest.fixture
def learn(client, monkeypatch):
    parts.clear()
    errors.clear()
    monkeypatch.setattr(reduction, "make_stage", lambda *_: Sums())
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)  # as on a scheduler of ours

    def learn(count, death_of=lambda _name, _address: Death()):
        connection = Connection(client, "", lambda: Size(1, 2), death_of=death_of)
        return fit(connection, SimpleNamespace(output="out"), "features", cut_into_shards("object", count, 1), "these")

    return learn


def expected(count):
    return {"learnt": "".join(f"{number}," for number in range(count))}


@pytest.mark.parametrize("count", [1, FIT_SHARDS, FIT_SHARDS + 1, 3 * FIT_SHARDS + 2])
def test_parts_are_added_in_the_order_of_their_shards(learn, count):
    assert learn(count) == expected(count)
    assert sorted(parts) == list(range(0, count, FIT_SHARDS))


def test_few_sums_wait_to_be_added(learn, monkeypatch):
    monkeypatch.setattr(reduction, "AT_ONCE", 2)
    count = 7 * FIT_SHARDS
    assert learn(count) == expected(count)
    assert len(parts) == 7


def death(task):
    return KilledWorker(task, SimpleNamespace(name="0", address="tcp://a"), 0)


def test_a_part_whose_worker_died_is_summed_up_again_and_the_result_is_the_same(learn):
    count = 3 * FIT_SHARDS
    errors[FIT_SHARDS] = [death("part 1")] * (DEATHS_ALLOWED - 1)
    assert learn(count) == expected(count)
    assert parts.count(FIT_SHARDS) == DEATHS_ALLOWED


@pytest.mark.timeout(120)
def test_a_sum_that_ends_before_the_scheduler_answers_is_seen(learn, client, monkeypatch):
    retry = client.scheduler.retry

    async def late(**what):
        answer = await retry(**what)
        await asyncio.sleep(1)
        return answer

    monkeypatch.setattr(client.scheduler, "retry", late, raising=False)
    errors[0] = [death("part 0")]
    assert learn(FIT_SHARDS) == expected(FIT_SHARDS)


def test_a_part_that_kills_its_workers_ends_the_run_with_what_to_change(learn):
    errors[0] = [death("part 0")] * DEATHS_ALLOWED
    said = r"fitting features: its worker died 3 times .*: raise cluster.memory, .* memory was not short"
    with pytest.raises(SurveyBatchError, match=said):
        learn(FIT_SHARDS)


def test_a_part_waits_before_a_fourth_try_until_it_is_known_of_what_three_workers_died(learn):
    looks = itertools.count()
    errors[0] = [death("part 0")] * 4
    told = "its job 7 ran out of memory"
    with pytest.raises(SurveyBatchError, match=rf"its worker died 3 times \({told}\)"):
        learn(1, lambda *_: Death(guilty=next(looks) > 10 or None, told=told))
    assert parts == [0] * DEATHS_ALLOWED


def test_jobs_that_turn_out_to_have_been_preempted_are_no_fault_of_a_part(learn):
    looks = itertools.count()
    errors[0] = [death("part 0")] * 5
    assert learn(1, lambda *_: Death(guilty=False if next(looks) > 10 else None, told="who knows")) == expected(1)
    assert len(parts) == 6


def test_a_scheduler_that_tried_a_part_several_times_itself_reports_as_many_deaths(learn, client, monkeypatch):
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 3)
    errors[0] = [death("part 0")]
    with pytest.raises(SurveyBatchError, match="its worker died 4 times"):
        learn(1)


def test_deaths_over_different_parts_are_counted_apart(learn):
    count = 2 * FIT_SHARDS
    errors[0] = [death("part 0")] * (DEATHS_ALLOWED - 1)
    errors[FIT_SHARDS] = [death("part 1")] * (DEATHS_ALLOWED - 1)
    assert learn(count) == expected(count)


DAMAGE = DamagedError("out", [Damage("spectra", "flux", 0, 0, 1, "a checksum differs")])


def test_what_only_a_worker_cannot_read_is_tried_again(learn, monkeypatch):
    monkeypatch.setattr(reduction, "confirmed", lambda _: [])
    errors[0] = [DAMAGE]
    assert learn(1) == expected(1)
    errors[0] = [DAMAGE] * ERRORS_ALLOWED
    with pytest.raises(SurveyBatchError, match="but this process can read it: see whether all nodes see the same"):
        learn(1)


def test_what_nobody_can_read_ends_the_fit_at_once(learn, monkeypatch):
    monkeypatch.setattr(reduction, "confirmed", lambda error: error.damages)
    errors[0] = [DAMAGE]
    with pytest.raises(DamagedError):
        learn(1)
    assert parts == [0]


@pytest.mark.timeout(60)
def test_an_error_from_very_deep_ends_the_fit(learn, monkeypatch):
    def deep(calls):
        return deep(calls - 1) if calls else [][0]

    monkeypatch.setattr(Sums, "fit_end", lambda *_: deep(600))
    with pytest.raises(IndexError):
        learn(1)


def test_a_defect_is_not_tried_again(learn):
    errors[0] = [ValueError("singular")]
    with pytest.raises(ValueError, match="singular"):
        learn(FIT_SHARDS)
    assert parts == [0]
