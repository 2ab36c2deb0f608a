"""The tables `[catalog.detect]` and `[catalog.detect.rule]`: objects that are found on frames."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from survey_batch.config.sections.base import Section


class RuleSection(Section):
    """Which sources are fit for building a PSF (`good`; the others are `other`), judged by what a fitted PSF leaves."""

    snr: PositiveFloat = 100.0
    """Least flux / error."""
    saturation: PositiveFloat = 25000.0
    """Counts, sky included, that no pixel of a good star reaches."""
    margin: Annotated[int, Field(ge=0)] = 24
    """Least distance of its centre from the frame's edges in pixels."""
    isolation: PositiveFloat = 12.0
    """Pixels within which there is no neighbour."""
    neighbour: PositiveFloat = 0.02
    """Share of the star's flux from which another source is a neighbour."""
    scatter: Annotated[float, Field(ge=0.1)] = 4.0
    """Highest scatter of the residual beyond the noise, in units of its own expected scatter (noise and PSF). Shares of
    the flux, such as 0.02, are refused."""
    second: Annotated[float, Field(ge=0.1)] = 4.0
    """Highest second residual pixel, in such units."""


class DetectSection(Section):
    """Objects are the sources that are found on frames; `catalog.path` is then a list of fields."""

    band: Literal["u", "g", "r", "i", "z"] = "r"
    """In which sources are found."""
    threshold: PositiveFloat = 5.0
    """Of each pixel, in units of the sky's noise, after smoothing with a 3 x 3 kernel."""
    area: PositiveInt = 5
    """Least number of connected pixels above the threshold."""
    mesh: Annotated[int, Field(ge=16)] = 128
    """Pixels on a side of the boxes in which the background is measured."""
    most: PositiveInt = 2000
    """Sources that a field has room for; of more than these the brightest stay, and the field is `partial`."""
    rule: RuleSection | None = None
    """Where this table is given (empty for its defaults), each source is labelled `good` or `other`."""
