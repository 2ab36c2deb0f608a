"""The stage `cutouts`: what its settings say."""

import pytest

from survey_batch.config.sections.images import FramesSection
from survey_batch.core.errors import PlanMismatchError
from survey_batch.planning.kept_frames import by_density
from survey_batch.stages import make_stage
from survey_batch.stages.frame_source import CORRECTION_VARIABLES
from survey_batch.store.products import create_product
from survey_batch.store.schema import Schema
from tests.stages.jobs import cutouts_job as job


def test_a_job_without_the_new_choices_has_the_settings_that_it_had():
    assert {name for name in make_stage(job(), "cutouts").settings() if name.startswith("cutouts.")} == {"cutouts.size"}
    assert make_stage(job(registration="subpixel"), "frames").settings() == make_stage(job(), "frames").settings()
    assert make_stage(job(ivar=True), "frames").settings() != make_stage(job(), "frames").settings()
    assert make_stage(job(registration="subpixel"), "cutouts").settings()["cutouts.registration"] == "subpixel"


@pytest.mark.parametrize("keep", [None, True])
def test_stored_frames_of_an_earlier_version_are_refused_with_what_they_lack(tmp_path, keep):
    made = job().model_copy(update={"output": str(tmp_path), "frames": FramesSection(bands="gr", keep=keep)})
    schema = Schema("frames", "frame", {"frame": 1}, 1, (), status_dims=("frame",))
    create_product(str(tmp_path), schema, {"provenance": {}})
    decided, note = by_density(made, 1, 1)  # so few objects would do without frames; these are there
    assert (decided.frames.keep, note) == (True, "")
    for one in (made, decided):
        with pytest.raises(PlanMismatchError, match=r"frames.zarr was made by an earlier version .*it has no mjd_tai"):
            make_stage(one, "cutouts").check()


def test_without_aperture_corrections_their_variables_are_not_there_and_only_then_is_that_a_setting():
    with_them, without = (make_stage(job(aperture_correction=wanted), "cutouts") for wanted in (True, False))
    names, fewer = ([variable.name for variable in stage.variables()] for stage in (with_them, without))
    assert set(names) - set(fewer) == set(CORRECTION_VARIABLES.values())
    assert set(without.settings()) - set(with_them.settings()) == {"cutouts.aperture_correction"}


@pytest.mark.parametrize(
    ("choices", "whole"),
    [({}, True), ({"aperture_correction": False}, False), ({"aperture_correction": False, "ivar": True}, True)],
)
def test_frames_are_read_whole_where_something_needs_them(choices, whole):
    assert make_stage(job(**choices), "cutouts")._source().whole is whole
