"""Shards on a small cluster in this process: their way through the stages, retries, and shards set aside."""

import itertools
import time
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest
from distributed import KilledWorker

from survey_batch.cluster.base import Connection, Death, Size
from survey_batch.core.errors import ConfigurationError, PlanMismatchError, SurveyBatchError
from survey_batch.core.status import Status
from survey_batch.core.world import NODE
from survey_batch.execution import elsewhere, engine, shard_task
from survey_batch.execution.chain import Chain
from survey_batch.execution.engine import Engine
from survey_batch.execution.failures import Deaths
from survey_batch.monitor.record import Record
from survey_batch.preflight.phases import Group
from survey_batch.store.damage import Damage, DamagedError
from survey_batch.store.problems import PROBLEM_SCHEMA
from survey_batch.store.schema import cut_into_shards

SHARDS = cut_into_shards("object", 24, 4)
DEATH = KilledWorker("a task", SimpleNamespace(name="0", address="tcp://a"), 0)

called = []
"""What the workers were asked for, in order."""
errors = {}
"""What a stage raises for a shard, one error for each attempt."""


@dataclass(frozen=True)
class Stage:
    name: str
    stored: bool = True
    upstream: str | None = None
    gpu: bool = False
    in_steps: bool = False
    phase: str = "ingest"


def record(stage, shard, status="ok"):
    return Record(stage, shard, {status: len(shard)}, rows_done=len(shard))


def run_shard(job, name, shard, given=None, needed_by=()):
    called.append((name, shard.index, given, needed_by))
    if errors.get((name, shard.index)):
        raise errors[name, shard.index].pop(0)
    return record(name, shard)


def load(job, name, shard, given=None, needed_by=()):
    called.append(("load", shard.index))
    return shard


def compute(job, name, loaded):
    called.append(("compute", loaded.index))
    return loaded


def write(job, name, computed):
    called.append(("write", computed.index))
    return record(name, computed)


def set_aside(job, name, shard, reason):
    called.append(("set aside", shard.index, name, reason))
    if errors.get(("set aside", shard.index)):
        raise errors["set aside", shard.index].pop(0)
    return record(name, shard, "failed")


@pytest.fixture
def run(client, monkeypatch):
    """Run shards through stages; return the records in their order."""
    called.clear()
    errors.clear()
    for function in (run_shard, load, compute, write, set_aside):
        monkeypatch.setattr(shard_task, function.__name__, function)
    monkeypatch.setattr(engine.Failures, "__init__", failures_of_one_death)

    def run(*stages, shards=SHARDS, slots=2, check=lambda: None, workers=1):
        found = []
        connection = Connection(client, "", lambda: Size(workers, slots), check)
        made = Engine(connection, None, Group(stages), found.append)
        made.run(shards)
        return found

    return run


def failures_of_one_death(failures, _):
    """Count as a scheduler of ours does, which reports each death."""
    failures.deaths, failures.errors = Deaths(lambda _name, _address: Death()), defaultdict(list)


def counts(records):
    return {(one.stage, one.shard.index): dict(one.counts) for one in records}


def test_every_shard_goes_through_every_stage_once_and_in_order(run):
    records = run(Stage("a"), Stage("b", upstream="a"))
    assert counts(records) == {(stage, shard.index): {"ok": 4} for stage in "ab" for shard in SHARDS}
    assert len(records) == len(called) == 12
    for shard in SHARDS:
        assert [name for name, index, *_ in called if index == shard.index] == ["a", "b"]


def test_where_a_reader_failed_is_in_the_log(run, monkeypatch, caplog):
    monkeypatch.setattr(
        shard_task, "run_shard", lambda _, name, shard, *__: Record(name, shard, {}, tracebacks=("at 3",))
    )
    run(Stage("a"), shards=SHARDS[:1])
    assert [one.traceback for one in caplog.records if getattr(one, "event", "") == "reader failed"] == ["at 3"]


def test_no_shards_are_no_work(run):
    assert run(Stage("a"), shards=[]) == []
    assert called == []


def test_what_is_not_stored_is_handed_to_those_that_need_it(run):
    records = run(Stage("a", stored=False), Stage("b", upstream="a"), Stage("c", upstream="a"), shards=SHARDS[:1])
    made = record("a", SHARDS[0])
    assert called == [("a", 0, None, ("b", "c")), ("b", 0, made, ()), ("c", 0, made, ())]
    assert [one.stage for one in records] == ["b", "c", "a"], "a counts when the whole chain is done"


def test_a_stage_in_steps_loads_computes_and_writes(run):
    records = run(Stage("a", in_steps=True), shards=SHARDS[:2])
    for shard in SHARDS[:2]:
        assert [step for step, index in called if index == shard.index] == ["load", "compute", "write"]
    assert counts(records) == {("a", 0): {"ok": 4}, ("a", 1): {"ok": 4}}


@pytest.mark.parametrize(("gpu", "tasks"), [(True, ["a-load", "a", "a-write"]), (False, ["a"])])
def test_a_stage_that_would_compute_on_a_gpu_is_one_task_where_there_is_none(client, gpu, tasks):
    connection = Connection(client, "", lambda: Size(1, 1, gpu=gpu))
    made = Engine(connection, None, Group((Stage("a", gpu=True, in_steps=True),)), print)
    submitted = []
    made.tasks.client = SimpleNamespace(submit=lambda *_, key, **__: submitted.append(key[0]))
    made._look()
    made.tasks.submit(Chain(SHARDS[0], ["a"]))
    assert submitted == tasks


def test_an_error_is_tried_again_and_what_was_finished_is_not(run):
    errors["b", 2] = [RuntimeError("a defect")]
    records = run(Stage("a"), Stage("b", upstream="a"))
    assert counts(records)["b", 2] == {"ok": 4}
    assert [name for name, index, *_ in called if index == 2] == ["a", "b", "b"]
    assert len(records) == 12


def test_a_shard_that_fails_again_is_set_aside_and_the_others_are_done(run):
    errors["a", 1] = [RuntimeError("first"), ValueError("again")]
    records = run(Stage("a"))
    assert ("set aside", 1, "a", "ValueError: again") in called
    assert counts(records) == {("a", shard.index): {"failed" if shard.index == 1 else "ok": 4} for shard in SHARDS}


def test_where_a_product_that_is_handed_on_fails_all_that_is_made_of_it_is_set_aside(run):
    errors["a", 0] = [SurveyBatchError("no disk"), SurveyBatchError("no disk")]
    stages = Stage("a", stored=False), Stage("b", upstream="a"), Stage("c", upstream="a"), Stage("d")
    records = run(*stages, shards=SHARDS[:1])
    assert counts(records) == {("b", 0): {"failed": 4}, ("c", 0): {"failed": 4}, ("d", 0): {"ok": 4}}
    assert [call[2:] for call in called if call[0] == "set aside"] == [("b", "a: no disk"), ("c", "a: no disk")]


def test_what_is_handed_on_is_made_again_only_for_those_that_still_need_it(run):
    errors["c", 0] = [RuntimeError("once")]
    run(Stage("a", stored=False), Stage("b", upstream="a"), Stage("c", upstream="a"), shards=SHARDS[:1])
    assert [call[0] for call in called] == ["a", "b", "c", "a", "c"]
    assert [call[3] for call in called if call[0] == "a"] == [("b", "c"), ("c",)]


def test_a_shard_that_may_kill_its_worker_once_too_often_comes_last(run):
    errors["a", 0] = [DEATH] * 3
    records = run(Stage("a"))
    assert counts(records)["a", 0] == {"failed": 4}
    (reason,) = [call[3] for call in called if call[0] == "set aside"]
    assert reason.startswith("its worker died 3 times")
    tried = [index for name, index, *_ in called if name == "a"]
    assert tried.count(0) == 3
    assert tried[-1] == 0, "after all that are not suspected"


@pytest.mark.parametrize("error", [ConfigurationError("no such classifier"), PlanMismatchError("edited")])
def test_a_fault_of_the_job_ends_the_run_at_once(run, error):
    errors["a", 0] = [error]
    with pytest.raises(type(error), match=str(error)):
        run(Stage("a"), shards=SHARDS[:1])
    assert len(called) == 1


def test_a_shard_waits_before_a_fourth_try_until_it_is_known_of_what_three_workers_died(run, monkeypatch):
    looks = itertools.count()

    def known_late(failures, _):
        failures.deaths = Deaths(lambda _name, _address: Death(guilty=next(looks) > 30 or None))
        failures.errors = defaultdict(list)

    monkeypatch.setattr(engine.Failures, "__init__", known_late)
    errors["a", 0] = [KilledWorker("a", SimpleNamespace(name="w", address="tcp://w"), 0)] * 4
    assert counts(run(Stage("a", stored=False), Stage("b", upstream="a"), shards=SHARDS[:1])) == {
        ("b", 0): {"failed": 4}
    }
    assert [name for name, *_ in called] == ["a"] * 3 + ["set aside"]


def test_to_set_a_shard_aside_is_tried_again(run):
    errors["a", 0] = [RuntimeError("a defect")] * 2
    errors["set aside", 0] = [OSError("away")]
    assert counts(run(Stage("a"), shards=SHARDS[:1])) == {("a", 0): {"failed": 4}}


def test_a_shard_that_cannot_be_set_aside_ends_the_run_with_both_reasons(run, monkeypatch):
    monkeypatch.setattr(elsewhere, "SET_ASIDE_ATTEMPTS", 2)
    errors["a", 0] = [RuntimeError("a defect")] * 2
    errors["set aside", 0] = [OSError("no space left")] * 2
    with pytest.raises(SurveyBatchError, match=r"a object shard 0 .*a defect; it could not be .*no space left"):
        run(Stage("a"), shards=SHARDS[:1])


def test_a_cluster_that_gives_up_ends_the_run(run):
    def gone():
        raise SurveyBatchError("no worker is left")

    with pytest.raises(SurveyBatchError, match="no worker is left"):
        run(Stage("a"), check=gone)


def test_no_more_shards_wait_than_the_workers_need(run, monkeypatch):
    open_, most = [], []
    submit, settle = Engine._submit, Engine._settle

    def submitting(self, chain):
        open_.append(chain)
        most.append(len(open_))
        submit(self, chain)

    def settling(self, chain, made):
        open_.remove(chain)
        return settle(self, chain, made)

    monkeypatch.setattr(Engine, "_submit", submitting)
    monkeypatch.setattr(Engine, "_settle", settling)
    run(Stage("a"), slots=1, shards=cut_into_shards("object", 40, 4))
    assert max(most) == 4
    assert len(most) == 10


def test_only_the_step_that_computes_asks_for_the_gpu(client):
    connection = Connection(client, "", lambda: Size(1, 1, gpu=True))
    made = Engine(connection, None, Group((Stage("a", gpu=True, in_steps=True), Stage("b"))), print)
    asked = []
    made.tasks.client = SimpleNamespace(submit=lambda *_, key, resources, **__: asked.append((key[0], resources)))
    made._look()
    assert made.window == 3, "on a GPU one shard is computed at a time, while others are read and written"
    chain = Chain(SHARDS[0], ["a", "b"])
    for stage, step in (("a", "-load"), ("a", ""), ("a", "-write"), ("b", "")):
        made.tasks._task(chain, stage, step, time.sleep)
    assert asked == [("a-load", None), ("a", {"GPU": 1}), ("a-write", None), ("b", None)]


def noted(*messages):
    """Problems as they are noted for a shard."""
    notes = [{"object_id": "", "stage": "a", "status": "not_found", "message": message} for message in messages]
    return pa.Table.from_pylist(notes, schema=PROBLEM_SCHEMA)


def engine_with_nodes(client, monkeypatch, taken_back, records):
    """An engine whose nodes ask for some shards once more, and the stages' names in the order in which all are done."""
    for function in (run_shard, load, compute, write, set_aside):
        monkeypatch.setattr(shard_task, function.__name__, function)
    monkeypatch.setattr(engine, "mark_pending", lambda *_: None)
    monkeypatch.setattr(engine, "refuse_if_vanished", lambda _: None)
    monkeypatch.setattr(engine, "problems_of", lambda *_: noted())
    called.clear()
    errors.clear()

    def take_again(unsettled):
        return [taken_back.pop()] if taken_back and taken_back[-1] not in unsettled else []

    nodes = Mock(take_again=take_again, others=lambda *_, **__: [])
    connection = Connection(client, "", lambda: Size(1, 2), lambda: None)
    stages = Group((Stage("a"), Stage("b")))
    return Engine(connection, SimpleNamespace(output="out"), stages, records.append, nodes=nodes)


def test_a_shard_is_taken_back_only_when_all_its_stages_are_done_and_counted_back(client, monkeypatch):
    records = []
    made = engine_with_nodes(client, monkeypatch, [SHARDS[0]], records)
    monkeypatch.setattr(engine, "read_status", lambda *_: np.full(4, Status.OK, np.uint8))
    monkeypatch.setattr(engine, "problems_of", lambda *_: noted("no such file", "no such file"))
    errors["b", 0] = [SurveyBatchError("not yet")]
    made.run(SHARDS[:1])
    assert [name for name, *_ in called] == ["a", "b", "b", "a", "b"]
    assert [(one.stage, one.counts["ok"]) for one in records] == [
        *(("a", 4), ("b", 4)),
        *(("a", -4), ("b", -4)),
        *(("a", 4), ("b", 4)),
    ]
    assert [one.reasons for one in records] == [(), (), *2 * [(("not_found", "no such file", -2),)], (), ()]


def test_a_stage_that_was_left_because_its_input_is_damaged_is_not_counted_back(client, monkeypatch):
    records = []
    made = engine_with_nodes(client, monkeypatch, [SHARDS[0]], records)
    left = {"a": Status.NOT_FOUND, "b": Status.PENDING}
    monkeypatch.setattr(engine, "read_status", lambda _, name, __: np.full(4, left[name], np.uint8))
    monkeypatch.setattr(engine, "confirmed", lambda error: list(error.damages))
    errors["b", 0] = [DamagedError("out", [Damage("upstream", "flux", 0)])]
    with pytest.raises(DamagedError):
        made.run(SHARDS[:1])
    assert [one.stage for one in records if one.again] == ["a"]


def test_what_only_a_worker_cannot_read_is_tried_again(client, monkeypatch):
    records = []
    made = engine_with_nodes(client, monkeypatch, [], records)
    monkeypatch.setattr(engine, "confirmed", lambda _: [])
    errors["a", 0] = [DamagedError("out", [Damage("upstream", "flux", 0)])]
    made.run(SHARDS[:1])
    assert counts(records) == {("a", 0): {"ok": 4}, ("b", 0): {"ok": 4}}


def at(node, error):
    """The error as a worker of a node raises it."""
    error.__dict__[NODE] = node
    return error


def test_a_shard_is_set_aside_only_after_another_node_failed_too_and_by_none_of_these(client, monkeypatch):
    records, asked = [], []
    made = engine_with_nodes(client, monkeypatch, [], records)
    here = list(client.scheduler_info()["workers"])
    made.nodes.others = lambda avoid, **_: asked.append(set(avoid)) or (here if avoid != {"a", "b", "c"} else [])
    errors["a", 0] = [at(node, RuntimeError("a defect")) for node in "aab"]
    errors["set aside", 0] = [at("c", OSError("away"))]
    made.run(SHARDS[:1])
    assert counts(records) == {("a", 0): {"failed": 4}, ("b", 0): {"ok": 4}}
    assert [name for name, *_ in called] == ["a", "a", "a", "set aside", "set aside", "b"]
    assert asked[-3:] == [{"a", "b"}, {"a", "b", "c"}, {"a", "b"}], "to set it aside twice, and to do the rest"


def test_a_shard_that_fails_on_the_only_node_with_a_gpu_is_set_aside(client, monkeypatch):
    nodes = Mock(others=lambda _, *, gpu=False: [] if gpu else ["tcp://b"])
    connection = Connection(client, "", lambda: Size(2, 2, gpu=True))
    monkeypatch.setattr(engine, "refuse_if_vanished", lambda _: None)
    made = Engine(connection, SimpleNamespace(output="out"), Group((Stage("a", gpu=True),)), print, nodes=nodes)
    made._look()
    set_aside = Mock(return_value=record("a", SHARDS[0], "failed"))
    monkeypatch.setattr(made.elsewhere, "set_aside", set_aside)
    failed = SimpleNamespace(exception=lambda: at("a", RuntimeError("a defect")), traceback=lambda: None)
    left = made._after_error(Chain(SHARDS[0], ["a"]), "a", failed)
    assert (left.stages, set_aside.called) == (["a"], False)
    assert made._after_error(left, "a", failed).stages == []
    set_aside.assert_called_once()


def test_what_failed_on_a_node_is_given_to_other_nodes_alone(client):
    nodes = Mock(others=lambda avoid, **_: ["tcp://b"] if avoid == {"a"} else [])
    made = Engine(Connection(client, "", lambda: Size(1, 1)), None, Group((Stage("a"),)), print, nodes=nodes)
    asked = []
    made.tasks.client = SimpleNamespace(submit=lambda *_, **how: asked.append(how))
    for chain in (Chain(SHARDS[0], ["a"]), Chain(SHARDS[0], ["a"]).after("a")):
        made.tasks.submit(chain)
    first, again = asked
    assert "workers" not in first
    assert again["workers"] == ["tcp://b"]
    assert not again.get("allow_other_workers")


def test_what_waits_for_workers_that_have_all_gone_is_done_by_any(client, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOK_SECONDS", 0.1)
    records = []
    made = engine_with_nodes(client, monkeypatch, [], records)
    gone = [["tcp://127.0.0.1:1"]] * 2  # as it fails, and as it is submitted again
    errors["a", 0] = [at("a", RuntimeError("once"))]
    made.nodes.others = lambda avoid, **_: gone.pop() if avoid and gone else []
    monkeypatch.setattr(made.elsewhere, "others", lambda _: [])
    made.run(SHARDS[:1])
    assert counts(records) == {("a", 0): {"ok": 4}, ("b", 0): {"ok": 4}}
