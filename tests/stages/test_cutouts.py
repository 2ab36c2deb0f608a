"""The stage `cutouts`: what its settings say."""

import pytest

from survey_batch.config.sections.images import FramesSection
from survey_batch.core.errors import PlanMismatchError
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product
from survey_batch.store.schema import Schema
from tests.stages.jobs import cutouts_job as job


def test_a_job_without_the_new_choices_has_the_settings_that_it_had():
    assert {name for name in make_stage(job(), "cutouts").settings() if name.startswith("cutouts.")} == {"cutouts.size"}
    assert make_stage(job(registration="subpixel"), "frames").settings() == make_stage(job(), "frames").settings()
    assert make_stage(job(ivar=True), "frames").settings() != make_stage(job(), "frames").settings()
    assert make_stage(job(registration="subpixel"), "cutouts").settings()["cutouts.registration"] == "subpixel"


def test_stored_frames_of_an_earlier_version_are_refused_with_what_they_lack(tmp_path):
    made = job().model_copy(update={"output": str(tmp_path), "frames": FramesSection(bands="gr")})
    stage = make_stage(made, "cutouts")
    schema = Schema("frames", "frame", {"frame": 1}, 1, (), status_dims=("frame",))
    create_product(str(tmp_path), schema, {"provenance": {}})
    with pytest.raises(PlanMismatchError, match=r"frames.zarr was made by an earlier version .*it has no mjd_tai"):
        stage.check()
