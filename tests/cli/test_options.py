"""Arguments that several verbs share."""

import logging

import pytest

from survey_batch.cli.options import open_job
from survey_batch.core import steps
from survey_batch.core.errors import ConfigurationError


def test_a_job_is_read_with_its_overrides_and_what_takes_long_is_said(job, caplog):
    with caplog.at_level(logging.DEBUG, steps.log.name):
        opened = open_job(job, ["shards.objects=7"])
    assert opened.shards.objects == 7
    assert [record.getMessage() for record in caplog.records] == [f"reading {job}", "loading libraries"]
    assert open_job(job, None).shards.objects == 4


def test_a_job_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no job file"):
        open_job(tmp_path / "é.toml", None)
