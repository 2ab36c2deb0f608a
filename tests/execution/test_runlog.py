import itertools
import json
import logging
from contextlib import suppress
from pathlib import Path

import pytest

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
