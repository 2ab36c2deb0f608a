import dataclasses
import errno
import os
from pathlib import Path

import pytest

from survey_batch.core.findings import Site, State
from survey_batch.core.paths import write_bytes
from survey_batch.doctor.output import missing_files, output_works, room_is_enough
from survey_batch.execution.runner import run
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.estimate import estimate
from survey_batch.preflight.footprint import OTHER_FILES, OTHER_FOLDERS
from survey_batch.store.lock import locked
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.servers import s3_server

SITE = Site("here")


def by_check(findings):
    return {finding.check: finding for finding in findings}


def test_a_folder_that_can_be_written_is_left_as_it_was(tmp_path):
    out = tmp_path / "runs" / "out"
    found = by_check(output_works(SITE, str(out)))
    assert [finding.state for finding in found.values()] == [State.OK] * 3, found
    assert list(found) == ["output", "rename", "lock"]
    assert not out.exists()
    out.mkdir()
    list(output_works(SITE, str(out)))
    assert list(out.iterdir()) == []


def test_an_output_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    (finding,) = SITE.look("output", "choose another", output_works(SITE, str(tmp_path / "file" / "out")))
    assert finding.state == State.FAILED
    assert finding.found.startswith(f"cannot write into {tmp_path / 'file' / 'out'} (Not a directory): name another")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "cannot write into {} (Permission denied): name another output, or get leave to write there"),
        (errno.ENOENT, "cannot write into {} (No such file or directory): name another output"),
        (errno.EROFS, "cannot write to the disk of {}: it is read-only"),
        (errno.EDQUOT, "cannot write to the disk of {}: the quota is used up"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_as_a_run_tells_it(tmp_path, monkeypatch, number, words):
    def refuse(path):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr("survey_batch.doctor.output.make_folder", refuse)
    (finding,) = SITE.look("output", "choose another", output_works(SITE, str(tmp_path)))
    assert finding.state == State.FAILED
    assert finding.found.startswith(words.format(tmp_path))


def test_files_that_are_not_replaced_whole_are_seen(tmp_path, monkeypatch):
    def in_place(path, data):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb", buffering=0) as stream:
            for start in range(0, len(data), 8192):
                stream.write(data[start : start + 8192])

    monkeypatch.setattr("survey_batch.doctor.output.write_bytes", in_place)
    finding = by_check(output_works(SITE, str(tmp_path)))["rename"]
    assert finding.state == State.FAILED
    assert "half a file" in finding.found


def test_locks_that_keep_nobody_out_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.store.lock._create", lambda *_: True)
    finding = by_check(output_works(SITE, str(tmp_path)))["lock"]
    assert (finding.state, finding.found) == (State.FAILED, "one lock could be taken twice")


def test_a_store_that_overwrites_what_it_should_create_is_seen(tmp_path, monkeypatch):
    for module in ("store.lock", "doctor.output"):
        monkeypatch.setattr(f"survey_batch.{module}.create_bytes", write_bytes)
    finding = by_check(output_works(SITE, str(tmp_path)))["lock"]
    assert (finding.state, "both begin" in finding.found) == (State.WARNING, True)


def test_a_run_that_is_at_work_is_named(tmp_path):
    with locked(str(tmp_path)):
        finding = by_check(output_works(SITE, str(tmp_path)))["lock"]
    assert finding.state == State.WARNING
    assert f"process {os.getpid()} of " in finding.found


def test_an_object_store_is_written_read_and_cleaned(tmp_path):
    import s3fs

    with s3_server(tmp_path / "s3") as endpoint:
        files = s3fs.S3FileSystem(endpoint_url=endpoint, skip_instance_cache=True)
        files.mkdir("bucket")
        found = by_check(output_works(SITE, "s3://bucket/out"))
        files.invalidate_cache()
        left = files.find("bucket/out")
    assert {check: finding.state for check, finding in found.items()} == {"output": State.OK, "lock": State.OK}, found
    assert not [path for path in left if "doctor" in path]


@pytest.fixture
def job(tmp_path):
    return lamost_job(make_archive(tmp_path / "archive", 20), tmp_path / "out", cluster={"workers": 1})


@pytest.mark.parametrize(("share", "state"), [(0.01, State.OK), (0.9, State.WARNING), (1.1, State.FAILED)])
def test_room_is_compared_with_what_the_products_need(job, monkeypatch, share, state):
    plan = make_plan(job)
    cost = estimate(plan)
    free = int(sum(stage.stored_bytes for stage in cost.stages) / share)
    monkeypatch.setattr("shutil.disk_usage", lambda _: dataclasses.make_dataclass("Usage", ["free"])(free))
    room, _ = room_is_enough(SITE, job, plan, cost)
    assert room.state == state, room


def test_too_few_inodes_are_seen(job, monkeypatch):
    plan, disk = make_plan(job), os.statvfs(job.archive.root)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*disk[:7], 10, *disk[8:])))
    _, files = room_is_enough(SITE, job, plan, estimate(plan))
    assert files.state == State.FAILED
    assert "10 free" in files.found


def test_files_and_folders_are_as_many_as_a_run_makes(job):
    plan = make_plan(job)
    cost = estimate(plan)
    beside = OTHER_FILES + OTHER_FOLDERS + cost.most_problem_notes
    expected = missing_files(plan, cost) - beside
    run(job)
    products = list(Path(job.output).glob("*.zarr"))
    made = [path for product in products for path in (product, *product.rglob("*"))]
    # The components and their grid are learnt from spectra, so they are not known before.
    learnt = [path for path in made if "/features.zarr/pca_" in str(path) or "/features.zarr/wavelength" in str(path)]
    assert expected == len(made) - len(learnt)
    assert missing_files(plan, cost) == beside
