"""Shapes of products: shards and chunks."""

from hypothesis import given
from hypothesis import strategies as st

from survey_batch.store.schema import Schema, Variable, cut_into_shards


@given(size=st.integers(0, 500), rows=st.integers(1, 60))
def test_shards_cover_the_axis_once(size, rows):
    shards = cut_into_shards("object", size, rows)
    covered = [row for shard in shards for row in range(shard.start, shard.stop)]
    assert covered == list(range(size))
    assert all(shard.start == shard.index * rows for shard in shards)


def test_chunks_hold_whole_rows_and_divide_a_shard():
    variable = Variable("flux", ("object", "pixel"), "f4")
    schema = Schema("things", "object", {"object": 100, "pixel": 100_000}, 12, (variable,))
    assert schema.chunk(variable) == (4, 100_000)
