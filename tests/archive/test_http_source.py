"""What one attempt at a file makes of a server's answer, and the time that the answer may take."""

import time
from email.utils import formatdate
from itertools import repeat

import pytest

from survey_batch.archive import attempt
from survey_batch.archive.attempt import AttemptError, Received
from survey_batch.archive.http_source import HttpSource, retry_after
from survey_batch.core.errors import NotFoundError, TransientError
from tests.servers import BUSY, FORBIDDEN, Fault, http_server, too_many_requests


def failed(source, path):
    with pytest.raises(AttemptError) as failure:
        source.read(path)
    return failure.value


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    (root / "a").write_bytes(b"0123456789")
    answers = {
        "busy": BUSY,
        "later": too_many_requests("7"),
        "much-later": too_many_requests("3600"),
        "teapot": Fault(status=418),
        "forbidden": FORBIDDEN,
        "gone": Fault(status=410),
    }
    for name in answers:
        (root / name).write_bytes(b"x")
    with http_server(root, {f"/{name}": [fault] * 3 for name, fault in answers.items()}) as running:
        yield HttpSource(running.url, 60.0, 5.0)


@pytest.mark.parametrize(
    ("name", "error", "attempts", "wait", "said"),
    [
        ("absent", NotFoundError, 1, None, "404"),
        ("gone", NotFoundError, 1, None, "410 Gone"),
        ("busy", TransientError, None, None, "503"),
        ("later", TransientError, None, 7.0, "429"),
        ("much-later", TransientError, 1, 3600.0, "429 .* asks to come back in 3600 s"),
        ("forbidden", TransientError, 1, None, "403 .*a login, a proxy or a blocked address?"),
        ("teapot", TransientError, 1, None, "418"),
    ],
)
def test_the_answer_of_a_server_decides_whether_another_attempt_can_help(server, name, error, attempts, wait, said):
    with pytest.raises(AttemptError, match=said) as failure:
        server.read(name)
    found = failure.value
    assert (found.error_type, found.attempts, found.wait) == (error, attempts, wait)


def test_a_file_that_is_larger_than_any_is_not_read_to_its_end(server, monkeypatch):
    assert server.read("a") == Received(b"0123456789")
    monkeypatch.setattr(attempt, "LARGEST_FILE", 9)
    failure = failed(server, "a")
    assert "more than 9 bytes came" in str(failure)
    assert failure.attempts == 1


def test_the_name_of_a_file_is_made_an_address():
    assert HttpSource("http://host/dr17/", 1.0, 5.0).locate("a b/c#d") == "http://host/dr17/a%20b/c%23d"
    assert HttpSource("http://host", 1.0, 5.0, lambda path: f"get?file={path}").locate("a") == "http://host/get?file=a"


def test_retry_after_is_read_in_both_forms():
    assert retry_after("17") == 17
    assert retry_after(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=5)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_a_date_to_come_back_at_is_read_by_the_servers_own_clock():
    yesterday = time.time() - 86400
    date, later = formatdate(yesterday, usegmt=True), formatdate(yesterday + 30, usegmt=True)
    assert retry_after(later, date) == 30
    assert retry_after(later, "no date") == 0
    assert retry_after(date, later) == 0


@pytest.mark.parametrize(
    ("framing", "whole"), [("length", True), ("chunked", True), ("closing", False)], ids=lambda value: str(value)
)
def test_an_answer_without_a_length_may_not_be_whole(tmp_path, framing, whole):
    (tmp_path / "a").write_bytes(b"0123456789")
    with http_server(tmp_path, {"/a": [Fault(framing=framing)]}) as server:
        assert HttpSource(server.url, 60.0, 5.0).read("a") == Received(b"0123456789", whole)


def test_a_slow_drip_ends_with_its_rate(tmp_path):
    (tmp_path / "a").write_bytes(bytes(5000))
    with http_server(tmp_path, {"/a": repeat(Fault(drip=0.02))}) as server:
        begun = time.monotonic()
        failure = failed(HttpSource(server.url, 0.5, 5.0), "a")
        assert 0.5 <= time.monotonic() - begun < 50  # the drip would take 100 s, and no pause is as long as 0.5 s
    assert failure.error_type is TransientError
    assert failure.attempts is None
    assert "kB/s, and archive.rate_min is 5 kB/s" in str(failure)


def test_a_body_that_comes_fast_enough_may_take_longer_than_an_answer(tmp_path):
    (tmp_path / "a").write_bytes(bytes(100))
    with http_server(tmp_path, {"/a": repeat(Fault(drip=0.01))}) as server:
        begun = time.monotonic()
        assert HttpSource(server.url, 0.5, 0.0001).read("a").raw == bytes(100)
        assert time.monotonic() - begun > 0.5


def test_a_body_that_stops_is_told_from_one_that_is_slow(tmp_path):
    (tmp_path / "a").write_bytes(bytes(20))
    with http_server(tmp_path, {"/a": repeat(Fault(drip=5.0))}) as server:
        failure = failed(HttpSource(server.url, 0.5, 0.0001), "a")
    assert str(failure) == "nothing came for 0.5 s after 1 bytes"
