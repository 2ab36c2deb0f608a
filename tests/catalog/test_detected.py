"""Where the objects of a job are that finds them on its frames."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.catalog.detected import detected, detections_path, object_catalog
from survey_batch.config.job import CatalogSection
from survey_batch.core.errors import ConfigurationError
from tests.jobs import sdss_job


def test_a_list_of_objects_is_the_job_s_own(tmp_path):
    job = sdss_job("c.csv", "/archive", tmp_path)
    assert object_catalog(job) is job.catalog
    assert not detected(job)


def test_objects_of_frames_are_known_when_a_run_has_found_them(tmp_path):
    catalog = {"path": "fields.csv", "detect": {}, "columns": {"run": "RUN"}, "table": 2}
    job = sdss_job("unused", "/archive", tmp_path / "out")
    job = job.model_copy(update={"catalog": CatalogSection.model_validate(catalog)})
    with pytest.raises(
        ConfigurationError, match="finds its objects on frames, and there is no .*start survey-batch run first"
    ):
        object_catalog(job)
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "detections.parquet"
    for broken in (b"", b"PAR1", b"no table"):
        path.write_bytes(broken)
        assert not detected(job)
    pq.write_table(pa.table({"object_id": ["a"]}), path)
    assert detected(job)
    found = object_catalog(job)
    assert (found.path, found.id, found.detect) == (detections_path(job), "object_id", None)
    assert (found.columns, found.table) == ({}, None), "what describes the list of fields does not describe this one"
