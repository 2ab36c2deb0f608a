"""An archive in which nothing is found, or nothing can be read: a run stops and says so."""

import json

import pyarrow.parquet as pq
import pytest

from survey_batch.core.status import Status
from survey_batch.store.products import read_status
from tests.lamost_files import make_archive

GO_ON = ("--set", "archive.when_nothing_found=go_on")


@pytest.fixture
def twenty(job, tmp_path):
    """A job of twenty objects in ten shards, and the files of its archive."""
    archive = tmp_path / "archive"
    make_archive(archive, 20)
    job.write_text(job.read_text().replace("objects = 4", "objects = 2"))
    return job, sorted(archive.glob("*.fits"))


def statuses(tmp_path):
    return set(read_status(str(tmp_path / "out"), "spectra").tolist())


def test_a_run_that_finds_nothing_stops_and_leaves_every_object_pending(command, twenty, tmp_path):
    job, files = twenty
    away = [file.rename(file.with_suffix(".away")) for file in files]
    code, _, err = command("run", job)
    assert code == 2
    assert "spectra: none of the first 20 objects that were looked for is in the archive, such as " in err
    assert str(tmp_path / "archive") in err
    assert "Look at archive.root and archive.layout, and whether the archive is mounted" in err
    assert "--set archive.when_nothing_found=go_on" in err
    assert statuses(tmp_path) == {Status.PENDING}
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["counts"] == {"pending": 20}
    assert run["runs"][-1]["ended"] == "error"
    assert "none of the first 20 objects" in run["runs"][-1]["error"]
    assert pq.read_table(tmp_path / "out" / "problems.parquet").num_rows == 20
    for file, there in zip(files, away, strict=True):  # the archive is mounted
        there.rename(file)
    code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 20}
    assert pq.read_table(tmp_path / "out" / "problems.parquet").num_rows == 0
    assert [run["ended"] for run in json.loads((tmp_path / "out" / "run.json").read_text())["runs"]] == [
        "error",
        "complete",
    ]


def test_who_knows_that_nothing_is_there_can_say_so(command, twenty):
    job, files = twenty
    for file in files:
        file.unlink()
    code, out, _ = command("run", job, "--json", *GO_ON)
    assert code == 0
    assert json.loads(out)["counts"] == {"not_found": 20}


def test_files_that_can_all_not_be_read_for_one_reason_stop_a_run_too(command, twenty, tmp_path):
    job, files = twenty
    for file in files:
        file.write_bytes(b"<html>please log in</html>")
    code, _, err = command("run", job)
    assert code == 2
    assert "spectra: none of the first 20 objects can be read, all for one reason (" in err
    assert statuses(tmp_path) == {Status.PENDING}


@pytest.mark.parametrize("there", [0, 13])
def test_one_file_anywhere_is_enough_to_go_on(command, twenty, there):
    job, files = twenty
    for place, file in enumerate(files):
        if place != there:
            file.unlink()
    code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 1, "not_found": 19}


def test_a_handful_of_objects_says_nothing_of_an_archive(command, job, tmp_path):
    for file in (tmp_path / "archive").glob("*.fits"):
        file.unlink()
    code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"not_found": 8}
