"""An archive in which nothing is found, or nothing can be read: a run stops and says so."""

import json
from itertools import repeat

import pyarrow.parquet as pq
import pytest

from survey_batch.core.status import Status
from survey_batch.store.products import read_status
from tests.lamost_files import make_archive
from tests.servers import BUSY, PAGE, RESET, http_server

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
    assert "Check archive.root and archive.layout, and whether the archive is mounted" in err
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
    assert "spectra: none of the first 20 objects can be read, all for the same reason (" in err
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


def served(job, tmp_path, url):
    """Have the job fetch its files from a server, with one attempt at each."""
    root = f'root = "{tmp_path / "archive"}"'
    job.write_text(job.read_text().replace(root, f'root = "{url}", attempts = 1'))


def test_a_server_that_is_down_stops_a_run_which_goes_on_when_it_is_back(command, twenty, tmp_path):
    job, files = twenty
    down = [True]

    def faults():
        while True:
            yield BUSY if down[0] else None

    with http_server(tmp_path / "archive", {f"/{file.name}": faults() for file in files}) as server:
        served(job, tmp_path, server.url)
        code, _, err = command("run", job)
        assert code == 2
        assert "spectra: none of 10 requests got a file, all for the same reason (" in err
        assert sum(server.requests.values()) == 10  # not those of all objects of the first shards
        assert "503" in err
        assert "whether the server answers" in err
        assert "Run the same command again when it answers" in err
        assert "is mounted" not in err
        assert statuses(tmp_path) == {Status.PENDING}
        down[0] = False
        code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 20}


def test_nobody_at_the_address_stops_a_run_unless_it_shall_go_on(command, twenty, tmp_path):
    job, _ = twenty
    with http_server(tmp_path) as server:
        address = server.url  # nobody listens there any more
    served(job, tmp_path, address)
    code, _, err = command("run", job)
    assert code == 2
    assert "none of 10 requests got a file, all for the same reason (" in err
    code, out, _ = command("run", job, "--json", *GO_ON)
    assert code == 1
    assert json.loads(out)["counts"] == {"unreachable": 20}


def test_a_server_that_fails_in_several_ways_is_tried_to_the_end(command, twenty, tmp_path):
    job, files = twenty
    faults = {f"/{file.name}": repeat(RESET if place % 3 else BUSY) for place, file in enumerate(files)}
    with http_server(tmp_path / "archive", faults) as server:
        served(job, tmp_path, server.url)
        code, out, _ = command("run", job, "--json")
    assert code == 1
    assert json.loads(out)["counts"] == {"unreachable": 20}


def test_a_server_that_goes_down_in_the_middle_leaves_its_rows_to_the_next_run(command, job, tmp_path):
    make_archive(tmp_path / "archive", 120)
    job.write_text(job.read_text().replace("objects = 4", "objects = 10"))
    answered = []

    def faults():
        while True:
            answered.append(1)
            yield BUSY if 101 < len(answered) <= 121 else None  # one before all others

    names = [file.name for file in (tmp_path / "archive").glob("*.fits")]
    with http_server(tmp_path / "archive", {f"/{name}": faults() for name in names}) as server:
        served(job, tmp_path, server.url)
        code, out, _ = command("run", job, "--json")
        assert code == 1
        assert json.loads(out)["counts"] == {"ok": 100, "unreachable": 20}
        code, out, _ = command("run", job, "--json")
    assert code == 0
    assert json.loads(out)["counts"] == {"ok": 120}


def test_a_server_that_goes_down_while_the_first_objects_are_asked_for_stops_the_run_too(command, twenty, tmp_path):
    job, files = twenty
    asked = []

    def faults():
        while True:
            asked.append(1)
            yield PAGE if len(asked) == 1 else BUSY

    with http_server(tmp_path / "archive", {f"/{file.name}": faults() for file in files}) as server:
        served(job, tmp_path, server.url)
        code, _, err = command("run", job)
    assert code == 2
    assert "spectra: none of the first 20 objects can be reached, all for the same reason (" in err
    assert statuses(tmp_path) == {Status.PENDING}
