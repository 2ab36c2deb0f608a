import itertools
import json
import logging
from contextlib import suppress
from pathlib import Path

import pytest

from survey_batch.core.paths import read_bytes
from survey_batch.execution import runlog
from survey_batch.execution.runlog import run_log


def test_the_log_holds_one_json_object_per_line_with_its_fields(tmp_path):
    with run_log(str(tmp_path)) as path:
        log = logging.getLogger("survey_batch.execution.engine")
        log.info("shard %d done", 3, extra={"event": "shard", "stage": "spectra"})
    (line,) = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert line["message"] == "shard 3 done"
    assert (line["event"], line["stage"], line["level"]) == ("shard", "spectra", "info")


def test_a_traceback_stays_on_its_line(tmp_path):
    with run_log(str(tmp_path)) as path:
        try:
            raise ValueError("boom")
        except ValueError:
            logging.getLogger("survey_batch").exception("failed")
    (line,) = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert "ValueError: boom" in line["traceback"]


@pytest.mark.parametrize("said", ['password="{} more"', '{{"token": "it\'s {}"}}', 'https://me:a"{}@host/x', "{}"])
def test_the_log_shows_no_credentials_and_stays_json(tmp_path, monkeypatch, said):
    marker = 'mArKer"4711'
    monkeypatch.setenv("MY_TOKEN", marker)
    said = said.format(marker)
    with run_log(str(tmp_path)) as path:
        logging.getLogger("survey_batch").warning("%s", said, extra={"event": Path(said)})
    (line,) = [json.loads(line) for line in Path(path).read_text().splitlines()]
    assert "mArKer" not in str(line)


def test_a_log_that_cannot_be_written_is_told_of_once_and_hides_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runlog, "_handler", lambda _: runlog.DiskHandler("/dev/full"))
    with suppress(ValueError), run_log(str(tmp_path)):
        for _ in range(3):
            logging.getLogger("survey_batch").info("hello")
        raise ValueError("the error of the run, which no other one may replace")
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "WARNING the log /dev/full cannot be written: [Errno 28] No space left on device"


def test_a_log_on_an_object_store_is_there_at_the_end():
    with run_log("memory://log-test") as path:
        logging.getLogger("survey_batch").info("hello")
    import fsspec

    with fsspec.open(path) as stream:
        assert json.loads(stream.read())["message"] == "hello"


def test_an_upload_that_fails_meanwhile_does_not_end_the_run(monkeypatch):
    uploads = []

    def upload(url, data):
        uploads.append(data)
        if len(uploads) == 1:
            raise ConnectionError("the store does not answer")

    monkeypatch.setattr(runlog, "write_bytes", upload)
    with run_log("memory://log-test"):
        logging.getLogger("survey_batch").info("first")
        logging.getLogger("survey_batch").info("second")
    assert len(uploads) == 2
    assert [json.loads(line)["message"] for line in uploads[-1].splitlines()] == ["first", "second"]


def test_a_large_log_is_uploaded_less_often(monkeypatch):
    clock, uploads = itertools.count(0, 10), []  # each look at the clock takes ten seconds
    monkeypatch.setattr(runlog.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(runlog, "write_bytes", lambda _, data: uploads.append(data))
    handler = runlog.UploadHandler("memory://log-test/log")
    handler.setFormatter(runlog.JsonFormatter())
    for _ in range(30):
        handler.emit(logging.makeLogRecord({}))
    assert [len(data.splitlines()) for data in uploads] == [2, 13, 24]


def test_the_logger_is_as_before_afterwards(tmp_path):
    logger = logging.getLogger("survey_batch")
    before = (list(logger.handlers), logger.level)
    with run_log(str(tmp_path)):
        pass
    assert before == (list(logger.handlers), logger.level)


def shard_line(number):
    return json.dumps({"message": f"shard {number} done", "event": "shard"})


def test_a_log_that_is_thinned_keeps_its_beginning_its_end_and_what_is_not_about_shards():
    lines = [json.dumps({"event": "started"}), *map(shard_line, range(1000)), json.dumps({"level": "warning"})]
    lines += map(shard_line, range(1000, 2000))
    kept = runlog.thinned(lines, most=64_000)
    assert len("\n".join(kept)) < 0.7 * 64_000
    assert kept[0] == lines[0]
    assert json.dumps({"level": "warning"}) in kept
    place = next(number for number, line in enumerate(kept) if '"event": "thinned"' in line)
    assert json.loads(kept[place])["message"].startswith(f"{len(lines) - len(kept) + 1:,} lines left out")
    assert kept[place + 1 :] == lines[place + 1 - len(kept) :]
    assert sum(map(len, kept[place + 1 :])) > 0.4 * 64_000


def test_other_lines_do_not_make_a_log_endless():
    lines = [json.dumps({"level": "warning", "number": number}) for number in range(10_000)]
    assert len("\n".join(runlog.thinned(lines, most=64_000))) < 0.7 * 64_000


@pytest.mark.parametrize("folder", [True, False])
def test_the_log_of_a_long_run_stays_small(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(runlog, "MOST_BYTES", 20_000)
    monkeypatch.setattr(runlog.DiskHandler, "most", 20_000)
    output = str(tmp_path) if folder else "memory://log-test"
    with run_log(output) as path:
        log = logging.getLogger("survey_batch")
        log.info("first", extra={"event": "started"})
        for number in range(500):
            log.info("shard %d done", number, extra={"event": "shard"})
    lines = read_bytes(path).decode().splitlines()
    messages = [json.loads(line)["message"] for line in lines]
    assert sum(map(len, lines)) < 20_000
    assert messages[0] == "first"
    assert messages[-50:] == [f"shard {number} done" for number in range(450, 500)]
    assert any("left out here" in message for message in messages)


def test_a_log_that_cannot_be_thinned_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(runlog.DiskHandler, "most", 1000)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(runlog, "write_bytes", full)
    with run_log(str(tmp_path)) as path:
        for number in range(50):
            logging.getLogger("survey_batch").info("shard %d done", number, extra={"event": "shard"})
    assert len(Path(path).read_text().splitlines()) == 50
