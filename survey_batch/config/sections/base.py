"""The base of every table of the job file."""

from typing import NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator

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

    @model_validator(mode="after")
    def _holds_no_secret(self) -> Self:
        for name in type(self).model_fields:
            if what := secret_in(getattr(self, name)):
                raise WrongKeyError(f"{name} {HOLDS.format(what)}", name)
        return self


HOLDS = (
    "holds {}, and what a job says is written into every product: take it out, and give credentials by the environment "
    "(docs/how-to/credentials.md)"
)
"""What is wrong with a text that holds credentials."""
