"""Where a job's objects are listed, including objects found on frames."""

from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from survey_batch.config.job import CatalogSection, Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import join

FILE = "detections.parquet"


def detections_path(job: Job) -> str:
    """Return the path of the list of objects that a run found on its frames."""
    return join(job.output, FILE)


def detected(job: Job) -> bool:
    """Tell whether a job finds its objects on frames and has already done so; a list that is broken is made again."""
    if job.catalog.detect is None:
        return False
    try:
        with fsspec.open(detections_path(job), "rb") as stream:
            pq.read_metadata(stream)
    except (pa.ArrowException, FileNotFoundError):
        return False
    return True


def object_catalog(job: Job) -> CatalogSection:
    """Say where a job's objects are: in its own catalogue, or in the list of objects found on its frames.

    Raises
    ------
    ConfigurationError
        The objects are to be found on frames, and no run has done that yet.
    """
    if job.catalog.detect is None:
        return job.catalog
    if not detected(job):
        raise ConfigurationError(
            f"this job finds its objects on frames, and there is no {detections_path(job)} yet: "
            "start survey-batch run first"
        )
    found: dict[str, Any] = {"path": detections_path(job), "detect": None, "id": "object_id"}
    found |= {"columns": {}, "units": {}, "table": None, "accept_overflow": False}
    return job.catalog.model_copy(update=found)
