"""Objects of a block that are cut from one field, and what is cut of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from typing_extensions import TypeIs

from survey_batch.core.arrays import Flags, Index
from survey_batch.images.reader import Field
from survey_batch.images.windows import Planes, Window
from survey_batch.stages.frame_view import Bands, FrameError, FrameView
from survey_batch.stages.object_status import MissingFrame
from survey_batch.store.schema import Array


@dataclass(frozen=True)
class Served:
    """Objects of a block that are cut from one field, and from its neighbours where a window reaches beyond it.

    Attributes
    ----------
    field, bands
        The field, and its frames.
    members : (n,)
        Indices of the objects in the block.
    windows : dict
        For each band with a frame, the objects' windows in it.
    on_frame : (n,)
        Whether the position lies on the field in any band.
    """

    field: Field
    bands: Bands
    members: Index
    windows: Mapping[str, Window]
    on_frame: Flags


@dataclass(frozen=True)
class Piece:
    """What is cut from one frame."""

    letter: str
    field: Field
    frame: FrameView
    window: Window


@dataclass
class BandCut:
    """The cutouts of the served objects in one band.

    Attributes
    ----------
    planes : (n, y, x) each
        Flux, and inverse variance if requested.
    fields : (n, 2)
        First and last field that any pixel comes from; where fields have neighbours, these are numbers.
    missing : list
        Objects whose windows reach into a frame that could not be had, with that frame.
    others : list
        Objects with pixels of another file, with its field; only where fields have no numbers.
    """

    planes: Planes
    fields: Array
    missing: list[tuple[Flags, MissingFrame]] = field(default_factory=list)
    others: list[tuple[Index, Field]] = field(default_factory=list)


def is_error(frame: FrameView | FrameError) -> TypeIs[FrameError]:
    """Tell whether a band could not be loaded."""
    return isinstance(frame, Exception)


def usable(bands: Bands) -> dict[str, FrameView]:
    """Select the bands that could be loaded."""
    return {letter: frame for letter, frame in bands.items() if not is_error(frame)}
