"""The base of every table of the job file."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from survey_batch.core.redaction import secret_in


class Unit(NamedTuple):
    """The unit of a key, written beside its type: `Annotated[float, Unit("arcsec")]`. The documentation shows it."""

    name: str


class WrongKeyError(ValueError):
    """What a check of several keys finds wrong.

    Parameters
    ----------
    reason
        What is wrong, in words; it may begin with the key.
    key
        The key at fault: its name in the table, or the names that lead to it through tables in the table.
    """

    def __init__(self, reason: str, *key: str) -> None:
        super().__init__(reason)
        self.key = key


class Section(BaseModel):
    """A table of the job file; unknown keys are refused, and so are credentials: what a job says is published.

    A check of several keys raises a `WrongKeyError`, which names the key at fault: its line is shown.
    """

    # What was given is not shown with an error: it may be a password.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse `workers = true`, which pydantic would read as 1."""
        types = list(_types_in(cls.model_fields[info.field_name or ""].annotation)) if _holds_truth(value) else []
        if not (bool in types or Any in types):
            if int in types:
                raise PydanticKnownError("int_type")
            if float in types:
                raise PydanticKnownError("float_type")
        return value

    @model_validator(mode="after")
    def _holds_no_secret(self) -> Self:
        for name in type(self).model_fields:
            if what := secret_in(getattr(self, name)):
                raise WrongKeyError(f"{name} {HOLDS.format(what)}", name)
        return self


def _types_in(annotation: Any) -> Iterable[Any]:
    """List a type and those within it: of `tuple[int, ...] | None` also `int`, of `Literal[1]` the type of 1."""
    inner = get_args(annotation)
    yield from (annotation, *(type(part) for part in inner if isinstance(part, int)))
    for part in inner:
        yield from _types_in(part)


def _holds_truth(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return isinstance(value, bool) or any(map(_holds_truth, parts))


HOLDS = (
    "holds {}, and what a job says is written into every product: take it out, and give credentials by the environment "
    "(docs/how-to/credentials.md)"
)
"""What is wrong with a text that holds credentials."""
