"""The table `[archive]`: where the survey's files are."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)

from survey_batch.config.sections.base import Section
from survey_batch.core.plugins import SURVEYS, offered, unknown


class ArchiveSection(Section):
    """Where the survey's files are, and limits on the requests for them; a survey may add keys."""

    survey: str
    """The name of an installed survey."""
    root: str
    connections: PositiveInt = 8
    """Downloads at a time in the whole run, not per worker."""
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

    @field_validator("survey")
    @classmethod
    def _installed(cls, survey: str) -> str:
        if survey not in offered(SURVEYS):
            raise ValueError(unknown(SURVEYS, survey))
        return survey


def _by_survey(given: Any, validate: ValidatorFunctionWrapHandler) -> ArchiveSection:
    """Validate the table by the model of its survey; leave out other surveys' keys, which `config.unread` refuses."""
    from survey_batch.config.survey import find_survey, survey_names

    name = given.get("survey") if isinstance(given, dict) else getattr(given, "survey", None)
    if not isinstance(name, str) or name not in offered(SURVEYS):
        section: ArchiveSection = validate(given)
        return section
    model = find_survey(name).archive
    if isinstance(given, dict) and (strange := given.keys() - model.model_fields):
        foreign = {key for survey in survey_names() for key in find_survey(survey).archive_keys()}
        given = {key: value for key, value in given.items() if key not in strange & foreign}
    return model.model_validate(given)


AnyArchive = Annotated[SerializeAsAny[ArchiveSection], WrapValidator(_by_survey)]
"""The table `[archive]` of any survey."""
