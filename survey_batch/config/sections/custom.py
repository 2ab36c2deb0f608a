"""The tables `[custom.NAME]` of the job file: stages that are a user's own functions."""

from typing import Annotated

from pydantic import Field

from survey_batch.config.sections.base import Section


class CustomSection(Section):
    """A stage made of a user's function; its name is that of its product."""

    function: Annotated[str, Field(pattern=r"^.+:[A-Za-z_]\w*$")]
    """`package.module:function`, or `path/to/file.py:function`."""
    input: str
    """The product whose blocks the function is given."""
    variables: Annotated[tuple[str, ...], Field(min_length=1)]
    """Variables of it that the function needs."""
    source: str | None = None
    """Hash of the function's file that workers must find; a run sets it when it starts."""
    gpu: bool = False
    """True: run by the workers of `[cluster.gpu]`, with predictions, and one shard at a time for each GPU."""
    keep: bool = True
    """False: handed to the next stages and not stored."""
