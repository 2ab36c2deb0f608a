"""The base of every table of the job file."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


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
    """A table of the job file; unknown keys are refused.

    A check of several keys raises a `WrongKeyError`, which names the key at fault: its line is shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
