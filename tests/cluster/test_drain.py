import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.cluster.drain import margin_of, walltime_seconds
from survey_batch.cluster.slurm import drain_margin
from survey_batch.errors import ConfigurationError
from survey_batch.job import ClusterSection


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 1800), ("90:30", 5430), ("1:00:00", 3600), ("2-0", 172800), ("1-12:30", 131400), ("1-00:00:01", 86401)],
)
def test_time_limits_are_read_as_slurm_reads_them(text, seconds):
    assert walltime_seconds(text) == seconds


@given(st.integers(0, 20), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_days_hours_minutes_and_seconds_add_up(days, hours, minutes, seconds):
    text = f"{days}-{hours:02d}:{minutes:02d}:{seconds:02d}"
    assert walltime_seconds(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def test_draining_begins_a_fifth_before_the_end_and_at_most_five_minutes():
    assert (margin_of(None, 600), margin_of(None, 86400), margin_of(90, 600)) == (120, 300, 90)


@pytest.mark.parametrize(("seconds", "refused"), [(47, False), (48, True), (300, True), (None, False)])
def test_workers_that_would_have_no_time_to_work_are_refused(seconds, refused):
    section = ClusterSection(kind="slurm", workers=1, walltime="1", drain_seconds=seconds)
    if refused:
        with pytest.raises(ConfigurationError, match="they would never work.*drain_seconds"):
            drain_margin(section)
    else:
        assert drain_margin(section) == (seconds or 12)
