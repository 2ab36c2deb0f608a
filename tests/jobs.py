"""Jobs for tests, and their catalogues."""

import csv

from pydantic import TypeAdapter

from survey_batch.config.job import Job
from survey_batch.config.survey import AnyArchive


def write_catalog(path, rows):
    """Write rows, each a mapping, as CSV."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def lamost_job(archive, output, stages=("spectra", "features"), **tables):
    """A small LAMOST job on an archive of `tests.lamost_files`."""
    return Job.model_validate(
        {
            "name": "test",
            "output": str(output),
            "stages": stages,
            "shards": {"objects": 8},
            **({"spectral_features": {"blocks": 5, "components": 3}} if "features" in stages else {}),
            **archive,
            **tables,
        }
    )


def sdss_job(catalog, root, output, **tables):
    """A small SDSS job, which stores frames however few objects there are."""
    return Job.model_validate(
        {
            "name": "test",
            "output": str(output),
            "stages": ["frames", "cutouts"],
            "catalog": {"path": str(catalog)},
            "archive": {"survey": "sdss", "root": str(root)},
            "shards": {"objects": 64},
            **tables,
            "frames": {"keep": True, **tables.get("frames", {})},
        }
    )


def archive_section(survey: str, **keys):
    """Make the table `[archive]` of a survey."""
    return TypeAdapter(AnyArchive).validate_python({"survey": survey, **keys})
