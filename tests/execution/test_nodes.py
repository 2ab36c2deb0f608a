"""`survey_batch.execution.nodes`: when a node is left out, and what is done again."""

from types import SimpleNamespace

import pytest

from survey_batch.cluster.world_check import leave
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.world import World
from survey_batch.execution import nodes
from survey_batch.execution.nodes import GONE_SECONDS, STRIKES, Nodes
from survey_batch.monitor.record import Record
from survey_batch.store.schema import cut_into_shards

SHARDS = cut_into_shards("object", 40, 4)
LANDMARK = "/archive/a.fits"


class Cluster:
    """Two nodes with a worker each; remembers what it was asked for."""

    def __init__(self):
        self.id = "client"
        self.workers = {"tcp://a": "a", "tcp://b": "b"}
        self.faults, self.retired, self.worlds, self.resources = {}, [], [], {}

    def run(self, function, *arguments, workers=(), on_error="raise"):
        if function is leave:
            self.retired += workers
            self.workers = {address: node for address, node in self.workers.items() if address not in workers}
        if arguments:
            return {address: (node, self.faults.get(node, "")) for address, node in self.workers.items()}
        return dict(self.workers)

    def scheduler_info(self):
        return {"workers": {worker: {"resources": self.resources.get(worker, {})} for worker in self.workers}}


@pytest.fixture
def cluster():
    return Cluster()


@pytest.fixture
def make(cluster, monkeypatch):
    """Nodes of the cluster, what was said, and which nodes SLURM, if there is one, was told to leave out."""
    monkeypatch.setattr(nodes, "register", lambda client, plugin: client.worlds.append(plugin.world))

    def make(landmarks=(), slurm=False):
        said, excluded, clock = [], [], [0.0]
        connection = SimpleNamespace(client=cluster, exclude=excluded.append if slurm else None)
        made = Nodes(connection, World("marker", "token", landmarks), said.append, lambda: clock[0])
        return SimpleNamespace(nodes=made, said=said, excluded=excluded, clock=clock)

    return make


def record(node, shard, landmark="", **counts):
    return Record("spectra", SHARDS[shard], counts, 4, counts, node=node, landmark=landmark)


def test_a_node_whose_shards_all_fail_while_others_succeed_is_left_out_and_they_are_done_again(make, cluster):
    run = make(slurm=True)
    for shard in range(STRIKES):
        run.nodes.note(record("a", shard, unreachable=4))
        run.nodes.note(record("b", 5 + shard, ok=4))
    run.nodes.note(record("a", 4, unreachable=3, not_found=1))
    assert run.nodes.take_again() == [*SHARDS[:STRIKES], SHARDS[4]]
    assert run.nodes.take_again() == []
    assert cluster.retired == ["tcp://a"]
    assert run.excluded == ["a"]
    (said,) = run.said
    assert said.startswith("node a fails at each shard")


def test_where_all_nodes_fail_the_nodes_are_not_at_fault(make):
    run = make()
    run.nodes.note(record("b", 9, ok=4))
    for shard in range(STRIKES + 2):
        run.clock[0] += 1
        for node in "ab":
            run.nodes.note(record(node, shard, unreachable=4))
            run.nodes.failed(node, "the disk is full")
    assert not run.nodes.left_out


def test_a_success_clears_a_node(make):
    run = make()
    for shard in range(2 * STRIKES):
        run.nodes.note(record("a", shard, **({"ok": 4} if shard % STRIKES == 1 else {"failed": 4})))
        run.nodes.note(record("b", 9, ok=4))
    assert not run.nodes.left_out


@pytest.mark.parametrize("status", ["not_found", "outside", "invalid"])
def test_what_the_archive_or_the_catalogue_says_of_objects_is_no_fault_of_a_node(make, status):
    run = make([LANDMARK])
    for shard in range(STRIKES + 2):
        run.nodes.note(record("a", shard, **{status: 4}))
        run.nodes.note(record("b", 9, ok=4))
    assert not run.nodes.left_out


def test_once_a_file_of_the_archive_is_known_every_worker_looks_for_it(make, cluster):
    run = make()
    run.nodes.note(record("a", 0, not_found=4))
    cluster.faults["a"] = "does not see the archive"
    run.nodes.note(record("b", 1, LANDMARK, ok=4))
    run.nodes.note(record("a", 2, not_found=4))
    assert [world.landmarks for world in cluster.worlds] == [(LANDMARK,)]
    assert run.nodes.take_again() == [SHARDS[0], SHARDS[2]]
    assert run.said == [
        "node a does not see the archive: it is left out of this run, and its shards are done elsewhere"
    ]


def test_what_a_worker_reports_before_it_leaves_is_said_once(make):
    run = make()
    for _ in range(2):
        run.nodes.report((0.0, {"node": "a", "fault": "does not see the run's output"}))
    run.nodes.check()
    assert len(run.said) == 1


def test_shards_of_an_earlier_stage_are_not_done_again(make):
    run = make()
    run.nodes.note(record("a", 0, not_found=4))
    run.nodes.begin()
    run.nodes.leave_out("a", "hangs")
    assert run.nodes.take_again() == []


def test_a_run_ends_if_no_node_is_left_and_nobody_starts_workers(make, cluster):
    run = make()
    run.nodes.leave_out("a", "does not see the archive")
    run.nodes.leave_out("b", "fails")
    run.nodes.check()
    run.clock[0] = GONE_SECONDS + 1
    with pytest.raises(SurveyBatchError, match=r"no worker is left: node a does not see the archive; node b fails"):
        run.nodes.check()


def test_slurm_starts_workers_elsewhere(make, cluster):
    run = make(slurm=True)
    run.nodes.leave_out("a", "hangs")
    run.nodes.leave_out("b", "hangs")
    run.clock[0] = GONE_SECONDS + 1
    run.nodes.check()


def test_other_nodes_are_known_by_their_names(make):
    run = make()
    assert run.nodes.others({"a"}) == ["tcp://b"]
    assert run.nodes.others({"a", "b"}) == []
    run.nodes.left_out["b"] = "hangs"
    assert run.nodes.others({"a"}) == []


def test_what_needs_a_gpu_can_go_only_to_other_nodes_with_one(make, cluster):
    run = make()
    assert run.nodes.others({"a"}, gpu=True) == []
    cluster.resources["tcp://b"] = {"GPU": 1.0}
    assert run.nodes.others({"a"}, gpu=True) == ["tcp://b"]


def test_a_fault_of_the_job_that_one_node_alone_sees_is_the_node_s(make):
    run = make()
    run.nodes.note(record("b", 0, ok=4))
    assert run.nodes.is_only_here("a", ConfigurationError("the archive is not a folder here"), SHARDS[1])
    assert run.said[0].startswith("node a refuses the job (the archive is not a folder here)")


def test_before_any_shard_is_done_a_fault_of_the_job_is_tried_on_another_node(make):
    run = make()
    assert run.nodes.is_only_here("a", ConfigurationError("no archive"), SHARDS[0])
    assert not run.said
    run.nodes.note(record("b", 0, ok=4))
    assert list(run.nodes.left_out) == ["a"]


def test_what_all_nodes_say_of_the_job_ends_the_run(make):
    run = make()
    assert run.nodes.is_only_here("a", ConfigurationError("no archive"), SHARDS[0])
    assert not run.nodes.is_only_here("b", ConfigurationError("no archive"), SHARDS[0])
    assert not run.nodes.is_only_here("", ConfigurationError("who knows where"), SHARDS[0])
    assert not run.said


def test_what_nodes_did_in_an_earlier_stage_blames_no_node_for_the_job_s_fault_in_a_later_one(make):
    run = make()
    run.nodes.note(record("a", 0, ok=4))
    run.nodes.note(record("b", 1, ok=4))
    run.nodes.begin()
    assert run.nodes.is_only_here("a", ConfigurationError("no TensorFlow"), SHARDS[0])
    assert not run.nodes.is_only_here("b", ConfigurationError("no TensorFlow"), SHARDS[0])
    assert not run.said


def test_two_nodes_that_work_and_refuse_the_same_shard_are_not_at_fault_both(make, cluster):
    run = make()
    cluster.workers["tcp://c"] = "c"
    for node in "abc":
        run.nodes.note(record(node, 0, ok=4))
    assert run.nodes.is_only_here("a", ConfigurationError("an odd object"), SHARDS[5])
    assert not run.nodes.is_only_here("b", ConfigurationError("an odd object"), SHARDS[5])
    assert list(run.nodes.left_out) == ["a"]


def test_rows_that_were_done_before_say_nothing_for_a_node(make):
    run = make()
    for shard in range(STRIKES):
        whole, made = {"ok": 3, "unreachable": 1}, {"unreachable": 1}
        run.nodes.note(Record("spectra", SHARDS[shard], whole, 1, made, node="a"))
        run.nodes.note(record("b", 5 + shard, ok=4))
    assert list(run.nodes.left_out) == ["a"]


def test_a_later_stage_tells_good_nodes_and_blames_none_for_rows_without_data(make):
    run = make()
    for shard in range(STRIKES):
        run.nodes.note(record("a", shard, unreadable=4), fetched=False)
        run.nodes.note(record("b", 5 + shard, ok=4), fetched=False)
    assert not run.nodes.left_out
    assert run.nodes.is_only_here("a", ConfigurationError("no TensorFlow"), SHARDS[9])
    assert list(run.nodes.left_out) == ["a"]


def test_a_shard_is_done_again_once_and_not_while_another_stage_works_on_it(make):
    run = make()
    for _ in ("spectra", "images"):
        run.nodes.note(record("a", 0, not_found=4))
    run.nodes.leave_out("a", "hangs")
    assert run.nodes.take_again({SHARDS[0]}) == []
    assert run.nodes.take_again() == [SHARDS[0]]
