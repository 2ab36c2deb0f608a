"""Jobs for the tests of stages."""

from survey_batch.config.job import Job


def cutouts_job(**cutouts):
    """A job of cutouts in two bands, made straight from the archive's frames."""
    return Job.model_validate(
        {
            "name": "t",
            "output": "unused",
            "stages": ["cutouts"],
            "catalog": {"path": "unused"},
            "archive": {"survey": "sdss", "root": "unused"},
            "frames": {"bands": "gr", "keep": False},
            "cutouts": cutouts,
        }
    )
