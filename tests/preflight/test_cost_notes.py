import re

import pytest

from survey_batch.preflight.cost_notes import LONG_SECONDS, SHORT_SECONDS
from survey_batch.preflight.estimate import estimate
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product
from tests.planning.test_plan import plan_of


def test_where_fields_hold_few_objects_that_is_said_with_its_price():
    sparse = [(field, "") for field in range(1, 11)]
    (note,) = estimate(plan_of(sparse, frames={"keep": False})).notes
    assert "1.0 on average: each costs 17.2 MB to fetch and 2.5 s of a core, for 8" in note
    assert note.endswith(
        "The frames of a field cost as much with a thousand objects as with one: choose objects that share fields, or "
        "fewer frames.bands (now 5), or cutouts.aperture_correction = false without cutouts.ivar, which fetches no "
        "more of frames than needed"
    )
    assert estimate(plan_of(sparse * 30, frames={"keep": False})).notes == ()
    (note,) = estimate(plan_of(sparse, frames={"keep": False}, cutouts={"aperture_correction": False})).notes
    assert note.endswith(
        "The frames of a field cost less than twice as much with a thousand objects as with one: choose objects that "
        "share fields, or fewer frames.bands (now 5)"
    )


SPARSE = [(field, "") for field in range(1, 2001)]


def long_shards(**tables):
    """The notes on long shards of a job whose fields hold one object each."""
    notes = estimate(plan_of(SPARSE, **{"frames": {"keep": False}, "shards": {"objects": 1024}, **tables})).notes
    return [note for note in notes if note.startswith("a shard of ")]


def test_shards_that_take_very_long_are_told_with_a_size_that_does_not():
    (note,) = long_shards()
    assert "a shard of cutouts takes about 43 min of a core" in note
    assert "2 shards can occupy 2 workers at most" in note
    advised = int(re.search(r"shards.objects = (\d+) \(now 1024\)", note)[1])
    smaller = estimate(plan_of(SPARSE, frames={"keep": False}, shards={"objects": advised}))
    (cutouts,) = smaller.stages
    assert SHORT_SECONDS / 2 < cutouts.cpu_seconds / cutouts.shards <= SHORT_SECONDS
    assert not long_shards(shards={"objects": advised})


@pytest.mark.parametrize("count", [100, 300])
def test_only_a_shard_that_is_long_is_told(count):
    notes = estimate(plan_of(SPARSE[:count], frames={"keep": False})).notes
    seconds = estimate(plan_of(SPARSE[:count], frames={"keep": False})).stages[0].cpu_seconds
    assert len(notes) == 1, "that there are few objects in a field"
    assert seconds < LONG_SECONDS


def test_a_product_keeps_its_layout_so_no_other_is_advised(tmp_path):
    assert long_shards(output=str(tmp_path))
    stage = make_stage(plan_of(SPARSE).job, "cutouts")
    create_product(str(tmp_path), stage.schema(len(SPARSE)), {"provenance": {}})
    assert not long_shards(output=str(tmp_path))
