"""The base of every table of the job file."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of the job file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
