import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.first_look import FIRST_ROWS, FIRST_SHARDS, FirstLook
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.phases import make_groups
from survey_batch.stages import make_stages
from survey_batch.store.notes import note_problems
from survey_batch.store.problems import Problem
from survey_batch.store.products import create_product, read_status, write_shard
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


@pytest.fixture
def made(tmp_path):
    """A job of 240 objects in shards of 8, with an empty product, and its plan."""
    job = lamost_job(make_archive(tmp_path / "archive", 240), tmp_path / "out", ("spectra",))
    (group,) = make_groups(make_stages(job))
    create_product(job.output, group.stored[0].schema(240), {})
    return job, group, make_plan(job)


def commit(job, shard, status):
    write_shard(job.output, "spectra", shard, {}, np.full(len(shard), status, np.uint8))


def test_the_first_shards_lie_all_over_the_catalogue_and_hold_enough_rows(made):
    job, group, plan = made
    first = FirstLook(job, group).shards(plan.shards("object"))
    assert [first[0].index, first[-1].index] == [0, 29]
    assert len(first) >= FIRST_SHARDS
    assert FIRST_ROWS <= sum(map(len, first)) < FIRST_ROWS + 8
    assert max(np.diff([shard.index for shard in first])) <= 3


def test_what_an_interrupted_first_look_left_is_looked_at_again(made):
    job, group, plan = made
    shards = plan.shards("object")
    commit(job, shards[0], Status.NOT_FOUND)
    commit(job, shards[4], Status.UNREADABLE)
    commit(job, shards[5], Status.OUTSIDE)
    FirstLook(job, group).forget(shards)
    status = read_status(job.output, "spectra")
    assert np.unique(status[shards[5].rows]) == [Status.OUTSIDE]
    assert np.unique(np.delete(status, np.r_[shards[5].rows])) == [Status.PENDING]


def test_where_something_was_found_before_nothing_is_watched_or_taken_back(made):
    job, group, plan = made
    shards = plan.shards("object")
    commit(job, shards[0], Status.NOT_FOUND)
    commit(job, shards[1], Status.OK)
    look = FirstLook(job, group)
    look.forget(shards)
    assert look.shards(shards) == []
    assert np.unique(read_status(job.output, "spectra", shards[0].rows)) == [Status.NOT_FOUND]


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        (Status.UNREADABLE, "no spectrum in it", "can be read, .*The files are there: see what they hold"),
        (
            Status.UNREADABLE,
            'set archive.layout = "plan"',
            "can be read, .*Set archive.layout as the reason says, and run",
        ),
        (Status.FAILED, "the reader failed with KeyError", "came through, .*Mend what it names"),
    ],
)
def test_files_that_are_there_and_of_no_use_stop_the_run_with_other_advice_than_missing_ones(
    made, status, reason, said
):
    job, group, plan = made
    look, first = FirstLook(job, group), plan.shards("object")[:2]
    for shard in first:
        problems = [Problem(row, status, reason, f"file-{row}.fits") for row in range(len(shard))]
        note_problems(job.output, "spectra", shard, np.ones(len(shard), bool), problems, ["1"] * len(shard))
        commit(job, shard, status)
    with pytest.raises(ConfigurationError, match=said) as raised:
        look.judge(first)
    assert "mounted" not in str(raised.value)
    assert np.unique(read_status(job.output, "spectra")) == [Status.PENDING]


def test_rows_of_different_fates_are_no_sign_of_a_wrong_archive(made):
    job, group, plan = made
    shards = plan.shards("object")
    look = FirstLook(job, group)
    commit(job, shards[0], Status.NOT_FOUND)
    commit(job, shards[1], Status.UNREADABLE)
    look.judge(shards[:2])
    assert np.unique(read_status(job.output, "spectra", shards[0].rows)) == [Status.NOT_FOUND]
