"""What one attempt at an object makes of an S3 bucket."""

import asyncio

import pytest

from survey_batch.archive.attempt import AttemptError, Span
from survey_batch.archive.s3_source import S3Source
from survey_batch.core.errors import ConfigurationError, NotFoundError, UnreadableError


def failed(source, path, span=None):
    with pytest.raises(AttemptError) as failure:
        source.read(path, span)
    return failure.value


class Bucket:
    """A bucket that answers with an error, or slowly with an object."""

    def __init__(self, loop, answer):
        self.loop, self.answer, self.r, self.closed = loop, answer, None, False

    async def open_async(self, _):
        if isinstance(self.answer, Exception):
            raise self.answer
        self.r = self
        return self

    async def read(self, _):
        await asyncio.sleep(0.05)
        block, self.answer = self.answer[:1], self.answer[1:]
        return block

    def close(self):
        self.closed = True

    def split_path(self, url):
        return (*url.removeprefix("s3://").split("/", 1), None)

    async def _call_s3(self, _, Bucket, Key, Range):  # noqa: N803
        if isinstance(self.answer, Exception):
            raise self.answer
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        place = f"bytes {first}-{last}/{len(self.answer)}"
        self.answer = self.answer[first : last + 1]
        return {"Body": self, "ContentRange": place, "ETag": f"{Bucket} {Key}"}


def s3_with(answer, timeout=60.0, rate_min=5.0):
    source = S3Source("s3://bucket/dr17/", timeout, rate_min)
    source._fs = Bucket(source._fs.loop, answer)
    return source


def test_an_object_comes_whole_or_its_rate_is_told():
    source = s3_with(b"0123456789")
    assert source.read("a") == (b"0123456789", True, "", None, "")
    assert source._fs.closed
    slow = s3_with(bytes(1000), timeout=0.5)
    assert "kB/s, and archive.rate_min is 5 kB/s" in str(failed(slow, "a"))
    assert slow._fs.closed


def test_an_object_that_is_not_there_is_told_from_a_bucket_that_is_not():
    source = s3_with(FileNotFoundError("a"))
    assert source.locate("a/b") == "s3://bucket/dr17/a/b"
    failure = failed(source, "a")
    assert (failure.error_type, failure.attempts) == (NotFoundError, 1)
    error, cause = FileNotFoundError("a"), Exception()
    cause.response = {"Error": {"Code": "NoSuchBucket"}}
    error.__cause__ = cause
    with pytest.raises(ConfigurationError, match="archive.root 's3://bucket/dr17': there is no such bucket"):
        s3_with(error).read("a")


def test_a_bucket_without_credentials_says_which_variables_to_set():
    botocore = pytest.importorskip("botocore.exceptions")
    with pytest.raises(ConfigurationError, match=r"no credentials; set AWS_ACCESS_KEY_ID .*FSSPEC_S3_ANON=true"):
        s3_with(botocore.NoCredentialsError()).read("a")
    assert failed(s3_with(PermissionError("denied")), "a").attempts == 1
    assert failed(s3_with(botocore.EndpointConnectionError(endpoint_url="x")), "a").attempts is None


def test_a_span_of_an_object_comes_with_the_object_s_length_and_version():
    source = s3_with(b"0123456789")
    assert source.read("a", Span(2, 5)) == (b"234", True, "", 10, "bucket dr17/a 10")
    assert source._fs.closed
    changed = failed(s3_with(b"0123456789ab"), "a", Span(5, 7, "bucket dr17/a 10"))
    assert (changed.error_type, changed.attempts) == (UnreadableError, 1)
    error, cause = OSError("no such bytes"), Exception()
    cause.response = {"Error": {"Code": "InvalidRange"}}
    error.__cause__ = cause
    beyond = failed(s3_with(error), "a", Span(20, 30))
    assert (beyond.error_type, beyond.attempts) == (UnreadableError, 1)
