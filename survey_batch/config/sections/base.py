"""The base of every table of the job file."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Unit(NamedTuple):
    """The unit of a key, written beside its type: `Annotated[float, Unit("arcsec")]`. The documentation shows it."""

    name: str


class Section(BaseModel):
    """A table of the job file; unknown keys are refused.

    A check of several keys raises a `ValueError` whose text begins with the key at fault: its line is shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
