"""What `plan` and `run` refuse before anything is started, and what they take."""

import shutil

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.estimate import estimate
from survey_batch.preflight.refusals import missing_archive, refuse_overlaps, refuse_what_cannot_work
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, open_group
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


@pytest.fixture
def keys(tmp_path):
    """Keys of a job on an archive of eight spectra."""
    return make_archive(tmp_path / "archive", 8)


def job_of(keys, output, stages=("spectra",), **tables):
    return lamost_job(keys, output, stages, cluster={"workers": 1}, **tables)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("archive/catalog.csv", "is a file"),
        ("archive/catalog.csv/out", "is a file"),
        ("archive", "is also archive.root"),
        ("archive/", "is also archive.root"),
        ("link", "is also archive.root"),
        ("hats/out", "which is catalog.path"),
        ("model", "is also train.classifier"),
        ("cache/out", "which is archive.cache"),
    ],
)
def test_an_output_that_overlaps_with_what_the_job_uses_is_refused(keys, tmp_path, output, said):
    (tmp_path / "link").symlink_to(tmp_path / "archive")
    catalog = {"path": str(tmp_path / "hats")} if output == "hats/out" else keys["catalog"]
    archive = {**keys["archive"], "cache": str(tmp_path / "cache")}
    job = job_of(
        {"catalog": catalog, "archive": archive}, f"{tmp_path}/{output}", train={"classifier": f"{tmp_path}/model"}
    )
    before = sorted(tmp_path.rglob("*"))
    for refused in (refuse_overlaps, run):
        with pytest.raises(ConfigurationError, match=said):
            refused(job)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("output", ["out", "archive-2", "archive.out", "new/out", "archive/out", "."])
def test_an_output_beside_around_or_within_the_archive_is_taken(keys, tmp_path, output):
    refuse_overlaps(job_of(keys, tmp_path / output, train={"classifier": str(tmp_path / output / "model")}))


def test_a_catalogue_in_the_output_is_taken(keys, tmp_path):
    (tmp_path / "out").mkdir()
    path = shutil.copy(keys["catalog"]["path"], tmp_path / "out")
    refuse_overlaps(job_of({**keys, "catalog": {"path": str(path)}}, tmp_path / "out"))


def test_buckets_overlap_by_their_names(keys):
    archive = {"survey": "lamost", "root": "memory://bucket/archive"}
    refuse_overlaps(job_of({**keys, "archive": archive}, "memory://bucket/out"))
    with pytest.raises(ConfigurationError, match="memory://bucket/archive/ is also archive.root"):
        refuse_overlaps(job_of({**keys, "archive": archive}, "memory://bucket/archive/"))


def refuse(job, *, elsewhere=False):
    plan = make_plan(job)
    refuse_what_cannot_work(plan, estimate(plan), elsewhere=elsewhere)


def test_an_archive_that_is_not_there_is_refused_where_the_work_is_done_here(keys, tmp_path):
    job = job_of({**keys, "archive": {"survey": "lamost", "root": str(tmp_path / "none")}}, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="none is not a folder here: correct it, or mount its file system"):
        refuse(job)
    refuse(job, elsewhere=True)
    with pytest.raises(ConfigurationError, match="none is not a folder here"):
        run(job)
    assert not (tmp_path / "out" / "spectra.zarr").exists()


def test_an_archive_that_nothing_is_read_from_any_more_need_not_be_there(keys, tmp_path):
    job = job_of({**keys, "archive": {"survey": "lamost", "root": str(tmp_path / "none")}}, tmp_path / "out")
    assert missing_archive(make_plan(job))
    create_product(job.output, make_stage(job, "spectra").schema(8), {"provenance": {}})
    assert missing_archive(make_plan(job))
    open_group(job.output, "spectra")["status"][:] = Status.OK
    assert not missing_archive(make_plan(job))


def test_a_root_that_is_no_address_is_refused(keys, tmp_path):
    with pytest.raises(ConfigurationError, match="expected a folder, http"):
        refuse(job_of({**keys, "archive": {"survey": "lamost", "root": "ftp://host/files"}}, tmp_path / "out"))


def test_a_server_is_not_asked(keys, tmp_path):
    archive = {"survey": "lamost", "root": "https://host.invalid/files"}
    refuse(job_of({**keys, "archive": archive}, tmp_path / "out"))
