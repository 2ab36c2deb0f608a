"""Whether frames are stored where the job leaves it open: as it began, else by the objects per field."""

import pytest

from survey_batch.config.job import Job
from survey_batch.planning.kept_frames import as_it_began, by_density
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.phases import make_groups
from survey_batch.stages import make_stage, make_stages
from survey_batch.store.products import create_product
from survey_batch.store.schema import Schema
from tests.jobs import lamost_job, write_catalog

IMAGES = ["frames", "cutouts", "composites"]


@pytest.fixture
def job(tmp_path):
    """A job of images that says nothing of frames, unless told."""

    def make(**keys):
        return Job.model_validate(
            {
                "name": "t",
                "output": str(tmp_path / "out"),
                "stages": IMAGES,
                "catalog": {"path": str(tmp_path / "objects.csv")},
                "archive": {"survey": "sdss", "root": "/archive"},
                "shards": {"objects": 100},
                **keys,
            }
        )

    return make


def create(job, *products):
    for name in products:
        create_product(job.output, Schema(name, "object", {"object": 1}, 1, ()), {"provenance": {}})


@pytest.mark.parametrize(
    ("objects", "fields", "kept"),
    [(9, 1, False), (10, 1, True), (28, 3, False), (30, 3, True), (0, 0, True), (0, 3, True)],
)
def test_frames_are_stored_from_a_tenth_of_a_shard_in_each_field_on(job, objects, fields, kept):
    decided, note = by_density(job(), objects, fields)
    assert decided.frames.keep is kept
    assert ("frames are not stored: with " in note) is not kept


@pytest.mark.parametrize("keep", [True, False])
def test_what_the_job_says_holds(job, keep):
    wanted = job(frames={"keep": keep})
    assert by_density(wanted, 1, 1) == (wanted, "")
    assert by_density(wanted, 1000, 1) == (wanted, "")


@pytest.mark.parametrize(
    ("products", "kept"), [(["frames"], True), (["frames", "cutouts"], True), (["cutouts"], False)]
)
def test_a_product_that_exists_decides_as_it_was_made(job, products, kept):
    wanted = job()
    create(wanted, *products)
    for objects in (1, 1000):
        decided, note = by_density(wanted, objects, 1)
        assert (decided.frames.keep, note) == (kept, "")
    assert as_it_began(wanted).frames.keep is kept


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        ({"stages": ["frames"]}, True),
        ({"stages": ["cutouts"]}, False),
        ({"cutouts": {"keep": False}}, True),
    ],
)
def test_stages_that_leave_no_choice_decide(job, keys, kept):
    for objects in (1, 1000):
        assert by_density(job(**keys), objects, 1)[0].frames.keep is kept
    assert as_it_began(job(**keys)).frames.keep is kept


def test_jobs_without_frames_are_left_alone(tmp_path):
    spectra = lamost_job({"archive": {"survey": "lamost", "root": "a"}, "catalog": {"path": "c"}}, tmp_path)
    assert as_it_began(spectra) is spectra
    assert by_density(spectra, 5, 0) == (spectra, "")


@pytest.mark.parametrize(("per_field", "groups"), [(4, ["cutouts"]), (12, ["frames", "cutouts"])])
def test_the_plan_s_job_has_the_stages_that_were_decided(job, tmp_path, per_field, groups):
    rows = [
        {"object_id": f"{field}-{n}", "ra": 1, "dec": 2, "rerun": 301, "run": 1, "camcol": 1, "field": field}
        for field in (11, 12)
        for n in range(per_field)
    ]
    write_catalog(tmp_path / "objects.csv", rows)
    plan = make_plan(job())
    assert [stage.name for stage in make_stages(plan.job)] == [*groups, "composites"]
    assert [group.stages[0].name for group in make_groups(make_stages(plan.job))][: len(groups)] == groups
    assert any("frames are not stored" in note for note in plan.notes) is (per_field == 4)
    assert make_stage(plan.job, "cutouts").phase == ("ingest" if per_field == 4 else "prepare")


def test_until_the_catalogue_is_read_frames_are_taken_to_be_stored(job):
    assert [stage.name for stage in make_stages(job())] == IMAGES
    assert job().keeps("frames")
