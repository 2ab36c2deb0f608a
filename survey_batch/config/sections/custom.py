"""The tables `[custom.NAME]` of the job file: stages that are a user's own functions."""

from typing import Annotated

from pydantic import Field

from survey_batch.config.sections.base import Section


class CustomSection(Section):
    """A stage made from a user's function; its product has the same name."""

    function: Annotated[str, Field(pattern=r"^.+:[A-Za-z_]\w*$", examples=["my_measurements.py:asymmetry"])]
    """`package.module:function`, or `path/to/file.py:function`."""
    input: Annotated[str, Field(examples=["cutouts"])]
    """The product whose blocks are passed to the function."""
    variables: Annotated[tuple[str, ...], Field(min_length=1, examples=[["flux"]])]
    """Variables of the product that the function needs."""
    source: str | None = None
    """Expected hash of the function's file on workers; a run sets it when it starts."""
    gpu: bool = False
    """True: the workers of `[cluster.gpu]` run it, in the phase of predictions, with one shard at a time per GPU."""
    keep: bool = True
    """False: handed on to the next stages and not stored."""
