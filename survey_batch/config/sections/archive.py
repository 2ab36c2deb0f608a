"""The table `[archive]`: where the survey's files are."""

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import Section
from survey_batch.config.sections.readers import archive_keys

SKYSERVER_CONNECTIONS = 4
"""Downloads at one time where the job does not say: SkyServer draws each image when it is asked for it."""


def located_by(survey: str) -> str:
    """Name the keys that decide where a survey's files are looked for."""
    return " and ".join(f"archive.{key}" for key in ("root", *archive_keys(survey)))


class ArchiveSection(Section):
    """Where the survey's files are and how hard they may be asked for."""

    survey: Literal["sdss", "lamost", "skyserver", "stamps"]
    root: str
    release: Literal["dr17", "dr12"] = "dr17"
    """SDSS: where frames lie below the root (`eboss/photoObj` or `boss/photoObj`)."""
    layout: Literal["flat", "plan", "obsid"] = "flat"
    """LAMOST: all files in the root, `<obsdate>/<planid>/`, or `spectrum/fits/<obsid>`."""
    connections: PositiveInt = 8
    """Downloads at one time in the whole run, not per worker; for SkyServer 4 where this is not set."""
    pause: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Seconds for which a connection rests after each request: at most `connections / pause` requests per second."""
    attempts: PositiveInt = 5
    timeout: PositiveFloat = 60.0
    """Seconds without an answer after which a request is tried again."""
    when_nothing_found: Literal["stop", "go_on"] = "stop"
    """What a run does where none of the first objects that it looks for, from all over the catalogue, is there, or none
    can be reached or read and always for the same reason: `stop` before all others get such a status, or go on."""
    cache: str | None = None
    """Folder in which raw files are kept; nothing is kept where this is not set."""

    @model_validator(mode="before")
    @classmethod
    def _fewer_connections(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("survey") == "skyserver":
            return {"connections": SKYSERVER_CONNECTIONS, **given}
        return given
