"""The tables `[catalog.detect]` and `[catalog.detect.rule]`: objects found on frames."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from survey_batch.config.sections.base import Section, Unit


class RuleSection(Section):
    """Which sources are good for building a PSF (`good` or `other`), judged by the residuals of a fitted PSF."""

    snr: PositiveFloat = 100.0
    """Minimum flux / error."""
    saturation: Annotated[PositiveFloat, Unit("count")] = 25000.0
    """Counts, including sky, that no pixel of a good star reaches."""
    margin: Annotated[int, Field(ge=0), Unit("pixel")] = 24
    """Minimum distance of the star's centre from the frame's edges in pixels."""
    isolation: Annotated[PositiveFloat, Unit("pixel")] = 12.0
    """Radius in pixels within which there is no neighbour."""
    neighbour: PositiveFloat = 0.02
    """Minimum share of the star's flux that makes another source a neighbour."""
    scatter: Annotated[float, Field(ge=0.1)] = 4.0
    """Maximum scatter of the residual beyond the noise, in units of its own expected scatter (noise and PSF). Shares of
    the flux, such as 0.02, are refused."""
    second: Annotated[float, Field(ge=0.1)] = 4.0
    """Maximum of the second-brightest residual pixel, in the same units."""


class DetectSection(Section):
    """Objects are the sources found on frames; `catalog.path` is then a list of fields."""

    band: Literal["u", "g", "r", "i", "z"] = "r"
    """Band in which sources are found."""
    threshold: PositiveFloat = 5.0
    """Threshold for each pixel, in units of the sky's noise, after smoothing with a 3 x 3 kernel."""
    area: Annotated[PositiveInt, Unit("pixel")] = 5
    """Minimum number of connected pixels above the threshold."""
    mesh: Annotated[int, Field(ge=16), Unit("pixel")] = 128
    """Size in pixels of the boxes in which the background is measured."""
    most: PositiveInt = 2000
    """Maximum number of sources per field; if there are more, the brightest are kept and the field is `partial`."""
    rule: RuleSection | None = None
    """If this table is given (empty for its defaults), each source is labelled `good` or `other`."""
