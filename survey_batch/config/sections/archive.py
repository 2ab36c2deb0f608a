"""The table `[archive]`: where the survey's files are."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import Section
from survey_batch.config.sections.readers import archive_keys

SKYSERVER_CONNECTIONS = 4
"""Default number of downloads at a time: SkyServer draws each image on request."""


def located_by(survey: str) -> str:
    """Name the keys that decide where to look for a survey's files."""
    return " and ".join(f"archive.{key}" for key in ("root", *archive_keys(survey)))


class ArchiveSection(Section):
    """Where the survey's files are, and limits on the requests for them."""

    survey: Literal["sdss", "lamost", "skyserver", "stamps"]
    root: str
    release: Literal["dr17", "dr12"] = "dr17"
    """SDSS: decides where frames are below the root (`eboss/photoObj` or `boss/photoObj`)."""
    layout: Literal["flat", "plan", "obsid"] = "flat"
    """LAMOST: all files in the root, `<obsdate>/<planid>/`, or `spectrum/fits/<obsid>`."""
    connections: PositiveInt = 8
    """Downloads at a time in the whole run, not per worker; the default for SkyServer is 4."""
    pause: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Seconds that a connection waits after each request: at most `connections / pause` requests per second."""
    attempts: PositiveInt = 5
    timeout: PositiveFloat = 60.0
    """Seconds without an answer after which a request is retried."""
    when_nothing_found: Literal["stop", "go_on"] = "stop"
    """What a run does if none of the first objects, spread over the catalogue, is found, or if none can be reached or
    read, all for the same reason: `stop` before all others get such a status, or `go_on`."""
    cache: str | None = None
    """Folder to keep raw files in; if not set, no raw files are kept."""

    @model_validator(mode="before")
    @classmethod
    def _fewer_connections(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("survey") == "skyserver":
            return {"connections": SKYSERVER_CONNECTIONS, **given}
        return given
