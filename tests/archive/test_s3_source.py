"""What one attempt at an object makes of an S3 bucket."""

import asyncio

import pytest

from survey_batch.archive.attempt import AttemptError
from survey_batch.archive.s3_source import S3Source
from survey_batch.core.errors import ConfigurationError, NotFoundError


def failed(source, path):
    with pytest.raises(AttemptError) as failure:
        source.read(path)
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


def s3_with(answer, timeout=60.0, rate_min=5.0):
    source = S3Source("s3://bucket/dr17/", timeout, rate_min)
    source._fs = Bucket(source._fs.loop, answer)
    return source


def test_an_object_comes_whole_or_its_rate_is_told():
    source = s3_with(b"0123456789")
    assert source.read("a") == (b"0123456789", True, "")
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
