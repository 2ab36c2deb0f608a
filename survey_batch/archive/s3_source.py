"""Files in an S3 bucket."""

import importlib
import os
from typing import Any

import aiohttp
import fsspec
import fsspec.asyn

from survey_batch.archive.attempt import AttemptError, Download, Received, Span, length_told, part_of
from survey_batch.core.errors import ConfigurationError, NotFoundError, UnreadableError

BLOCK_BYTES = 1 << 20
"""Most bytes taken from an answer at a time."""


class S3Source:
    """Files in an S3 bucket.

    The endpoint and the credentials come only from the environment, as with every AWS tool:
    `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, …;
    `FSSPEC_S3_ANON=true` reads a public bucket without any.

    Parameters
    ----------
    root
        The bucket, and the beginning of its keys.
    timeout, rate_min
        As in `Download`.
    """

    remote = True

    def __init__(self, root: str, timeout: float, rate_min: float) -> None:
        self._root = root.rstrip("/")
        self._patience = timeout, rate_min
        try:
            importlib.import_module("s3fs")
        except ImportError as error:
            raise ConfigurationError(
                f"archive.root {root!r} needs the package s3fs: pip install survey-batch[s3]"
            ) from error
        anonymous = os.environ.get("FSSPEC_S3_ANON", "").lower() in ("1", "true", "yes")
        # fsspec keeps one file system per thread and settings; if it is discarded on a worker, it cannot close its
        # connections cleanly. The endpoint is passed here so that it is among the settings.
        self._fs: Any = fsspec.filesystem(
            "s3",
            anon=anonymous,
            endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
            config_kwargs={"connect_timeout": timeout, "read_timeout": timeout},
        )

    def locate(self, path: str) -> str:
        """Return the object's URL."""
        return f"{self._root}/{path}"

    def read(self, path: str, span: Span | None = None) -> Received:
        """Ask for the object once, or for a span of it."""
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            received: Received = fsspec.asyn.sync(self._fs.loop, self._get, self.locate(path), span)
        except FileNotFoundError as error:
            self._check_bucket(error)
            raise AttemptError("no such object", NotFoundError, attempts=1) from error
        except NoCredentialsError as error:
            raise ConfigurationError(
                f"{self._root}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "FSSPEC_S3_ANON=true for a public bucket"
            ) from error
        except PermissionError as error:
            raise AttemptError(f"access denied: {error}", attempts=1) from error
        except (OSError, BotoCoreError, aiohttp.ClientError) as error:
            if _code(error) == "InvalidRange":
                raise AttemptError("it has no such bytes", UnreadableError, attempts=1) from error
            raise AttemptError(f"{type(error).__name__}: {error}") from error
        return received

    async def _get(self, url: str, span: Span | None) -> Received:
        async with Download(*self._patience).watched() as download:
            stream = await self._fs.open_async(url)
            if span is not None:
                bucket, key, _ = self._fs.split_path(url)
                answer = await self._fs._call_s3("get_object", Bucket=bucket, Key=key, Range=span.header)  # noqa: SLF001
                stream.r = answer["Body"]
            try:
                length = length_told(span, answer.get("ContentRange")) if span is not None else None
                while block := await stream.read(BLOCK_BYTES):
                    download.add(block)
            finally:
                if stream.r is not None:  # returns the connection, or ends it if the body has not come to its end
                    stream.r.close()
        raw = bytes(download.body)
        if span is None or length is None:
            return Received(raw)
        return part_of(span, raw, length, str(answer.get("ETag")))

    def _check_bucket(self, error: FileNotFoundError) -> None:
        if _code(error) == "NoSuchBucket":
            raise ConfigurationError(f"archive.root {self._root!r}: there is no such bucket") from error


def _code(error: Exception) -> str:
    """Return the name that S3 gives to an error; empty for an error that does not come from S3."""
    return str(getattr(error.__cause__, "response", {}).get("Error", {}).get("Code", ""))
