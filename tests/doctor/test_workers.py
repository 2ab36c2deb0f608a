"""Checks of one worker."""

import pytest

from survey_batch.core.findings import Place
from survey_batch.doctor import State
from survey_batch.doctor.workers import judge_clock


@pytest.mark.parametrize(
    ("skew", "error", "state"), [(0.9, 0.01, State.OK), (-1.5, 0.01, State.WARNING), (1.5, 0.6, State.OK)]
)
def test_a_clock_is_wrong_where_the_round_trip_cannot_explain_it(skew, error, state):
    finding = judge_clock(Place("there"), skew, error)
    assert finding.state == state
    assert ("ahead of" if skew > 0 else "behind") in finding.found
