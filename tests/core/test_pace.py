import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.pace import RATE_SECONDS, Pace, pace_of


@given(st.floats(0.5, 600), st.integers(1, 1000), st.integers(3, 60))
def test_a_steady_stage_has_its_rate_however_long_its_shards_take(seconds, rows, shards):
    ends = [seconds * number for number in range(1, shards + 1)]
    found = pace_of(0.0, [(end, rows) for end in ends], ends[-1])
    assert found.rate == pytest.approx(rows / seconds, rel=0.05)
    assert not found.stalled
    assert found.seconds_left(0) == 0


def test_a_rate_is_of_the_last_minute():
    slow = [(float(second), 1) for second in range(10, 1000, 10)]
    fast = [(1000.0 + second, 5) for second in range(1, int(RATE_SECONDS) + 1)]
    assert pace_of(0.0, [*slow, *fast], 1000 + RATE_SECONDS).rate == pytest.approx(5, rel=0.2)


def test_many_shards_that_end_together_do_not_make_a_stage_stand_still_before_the_next_do():
    burst = [(300.0 * step + place / 100, 4) for step in (1, 2) for place in range(100)]
    found = pace_of(0.0, burst, 890.0)
    assert not found.stalled
    assert found.rate == pytest.approx(400 / 300, rel=0.5)


def test_a_stage_stands_still_when_nothing_ends_for_much_longer_than_before():
    ends = [(10.0 * number, 4) for number in range(1, 20)]
    assert not pace_of(0.0, ends, 240.0).stalled
    found = pace_of(0.0, ends, 190 + 540.0)
    assert found.stalled
    assert found.left(100) == "last shard finished 9 min ago"
    assert found.seconds_left(100) is None


def test_before_the_first_shard_ends_nothing_is_known():
    assert pace_of(0.0, [], 1000.0) == Pace(idle=1000.0)
    assert Pace(idle=1000.0).left(10) == "?"
