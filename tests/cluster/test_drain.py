import dask
import pytest

from survey_batch.cluster.drain import margin_of
from survey_batch.cluster.slurm_script import drain_margin
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError


def test_draining_begins_a_fifth_before_the_end_and_at_most_five_minutes():
    assert (margin_of(None, 600), margin_of(None, 86400), margin_of(90, 600)) == (120, 300, 90)


@pytest.mark.parametrize(("seconds", "refused"), [(47, False), (48, True), (300, True), (None, False)])
def test_workers_that_would_have_no_time_to_work_are_refused(seconds, refused):
    section = ClusterSection(kind="slurm", workers=1, drain_seconds=seconds)
    with dask.config.set({"jobqueue.slurm.walltime": "1"}):  # the site's
        if refused:
            with pytest.raises(ConfigurationError, match="it would never work.*drain_seconds"):
                drain_margin(section)
        else:
            assert drain_margin(section) == (seconds or 12)
