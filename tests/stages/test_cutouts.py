"""The stage `cutouts`: what its settings say."""

from survey_batch.config.job import Job
from survey_batch.stages import make_stage


def job(**cutouts):
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


def test_a_job_without_the_new_choices_has_the_settings_that_it_had():
    assert {name for name in make_stage(job(), "cutouts").settings() if name.startswith("cutouts.")} == {"cutouts.size"}
    assert make_stage(job(registration="subpixel"), "frames").settings() == make_stage(job(), "frames").settings()
    assert make_stage(job(ivar=True), "frames").settings() != make_stage(job(), "frames").settings()
    assert make_stage(job(registration="subpixel"), "cutouts").settings()["cutouts.registration"] == "subpixel"
