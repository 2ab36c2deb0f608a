"""The table `[archive]`: where the survey's files are."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, field_validator

from survey_batch.config.sections.base import Section, Unit
from survey_batch.core.plugins import SURVEYS, offered, unknown
from survey_batch.core.redaction import check_address


class ArchiveSection(Section):
    """Where the survey's files are, and limits on the requests for them; a survey may add keys."""

    beside: ClassVar[frozenset[str]] = frozenset()
    """Keys that a survey adds and that do not decide where files are."""

    survey: str
    """The name of an installed survey."""
    root: Annotated[str, Field(examples=["https://data.sdss.org/sas/dr17"])]
    """Folder of the archive, or its URL: `https://…`, `s3://…`, or any other that fsspec reads."""
    connections: PositiveInt = 8
    """Downloads at a time in the whole run, not per worker."""
    pause: Annotated[float, Field(ge=0, le=10), Unit("s")] = 0.0
    """Seconds that a connection waits after each request: at most `connections / pause` requests per second."""
    attempts: PositiveInt = 5
    """Requests for a file before its objects are `unreachable`; the pauses between them grow."""
    timeout: Annotated[PositiveFloat, Unit("s")] = 60.0
    """Seconds without an answer, or without a further byte, after which a request is retried."""
    rate_min: Annotated[PositiveFloat, Unit("kB/s")] = 5.0
    """Lowest rate of a download: a request may take `timeout`, and 1 s more for each `rate_min` kB that have come; a
    slower one is retried. A file thus takes at most `attempts` times `timeout` and its size over `rate_min`, besides
    the pauses between requests."""
    when_nothing_found: Literal["stop", "go_on"] = "stop"
    """What a run does if none of the first objects, spread over the catalogue, is found, or if none can be reached or
    read, all for the same reason: `stop` before all others get such a status, or `go_on`."""
    cache: Annotated[str | None, Field(examples=["runs/cache"])] = None
    """Folder to keep raw files in; if not set, no raw files are kept."""

    _root = field_validator("root")(check_address)

    @field_validator("survey")
    @classmethod
    def _installed(cls, survey: str) -> str:
        if survey not in offered(SURVEYS):
            raise ValueError(unknown(SURVEYS, survey))
        return survey
