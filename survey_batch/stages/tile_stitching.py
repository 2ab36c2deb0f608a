"""Windows beyond the edge of an image, filled from other images of the survey that lie on the same pixel grid.

The survey's list says which images cover what is beyond the edge; the one whose middle is nearest to that of the
serving image comes first. So what fills a pixel depends on the list and the pixel alone, not on the other objects.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from survey_batch.core.arrays import Flags
from survey_batch.core.errors import TransientError
from survey_batch.images.reader import Field
from survey_batch.images.wcs import pixel_to_sky
from survey_batch.images.windows import Planes, beyond_edge, grid_offset, overlay
from survey_batch.stages.frame_view import FrameView
from survey_batch.stages.object_status import MissingFrame
from survey_batch.stages.served import BandCut, Piece, Served, is_error, usable
from survey_batch.stages.stored_frames import Frames
from survey_batch.store.schema import Array

Gather = Callable[[Sequence[Piece]], Iterator[Planes]]
"""Cuts the parts of windows that frames cover."""

LOOKED_AT = 16
"""Lines of pixels each way, in a window, at which is asked which images cover them; the edges are among them."""


def fill_from_tiles(
    served: Served,
    cuts: Mapping[str, BandCut],
    source: Frames,
    gather: Gather,
    reach: int,
) -> None:
    """Fill what lies beyond the edge of the serving image, in place.

    Parameters
    ----------
    served
        The objects.
    cuts
        Their windows in each band, as cut from the serving image.
    source
        Frames of the survey.
    gather
        Cuts windows from them.
    reach
        Pixels of a window on a side.
    """
    frames = usable(served.bands)
    left = {
        letter: beyond_edge(window, reach, frames[letter].shape) & served.on_frame[:, None, None]
        for letter, window in served.windows.items()
    }
    for key, touched in _others(served, frames, source, left):
        others = source.load(key, _all_rows)
        for letter, made in cuts.items():
            members = np.flatnonzero(touched & left[letter].any(axis=(1, 2)))
            if not members.size:
                continue
            if is_error(frame := others[letter]):
                named = MissingFrame(key, letter, frame, source.reader.name(key))
                made.missing.append((_flags(members, len(touched)), named))
                continue
            window = served.windows[letter].take(_flags(members, len(touched)))
            offset, same = grid_offset(frames[letter].wcs, frame.wcs, window, reach)
            members, offset, window = members[same], offset[same], window.take(same)
            if not members.size:
                continue
            (patch,) = gather([Piece(letter, key, frame, window.shifted(offset[:, 0], offset[:, 1]))])
            pixels = left[letter][members] & np.isfinite(patch["flux"])
            overlay(made.planes, patch, members, pixels)
            left[letter][members] &= ~pixels
            made.others.append((members[pixels.any(axis=(1, 2))], key))
    for letter, made in cuts.items():
        made.missing = [*_needed(made.missing, np.asarray(left[letter].any(axis=(1, 2))))]


def _needed(missing: Iterable[tuple[Flags, MissingFrame]], lacking: Flags) -> Iterator[tuple[Flags, MissingFrame]]:
    """Leave out images that do not exist, or cannot be read, for objects that are complete without them."""
    for touched, lack in missing:
        still = touched if isinstance(lack.error, TransientError) else touched & lacking
        if still.any():
            yield still, lack


def _others(
    served: Served, frames: Mapping[str, FrameView], source: Frames, left: Mapping[str, Flags]
) -> Iterator[tuple[Field, Flags]]:
    """Yield the other images that cover what is beyond the edge, nearest first, and of which objects."""
    found: dict[tuple[float, Field], Flags] = {}
    middle = _middle(next(iter(frames.values()))) if frames else (0.0, 0.0)
    for letter, frame in frames.items():
        lines = _lines(left[letter].shape[-1])
        number, row, column = np.nonzero(left[letter][:, lines][:, :, lines])
        if not number.size:
            continue
        window = served.windows[letter]
        x, y = window.x.start[number] + lines[column], window.y.start[number] + lines[row]
        ra, dec = pixel_to_sky(frame.wcs, x.astype(np.float64), y.astype(np.float64))
        for distance, key, covers in source.reader.covering(ra, dec, middle):
            if key != served.field:
                found.setdefault((distance, key), np.zeros(len(served.members), bool))[number[covers]] = True
    for (_, key), touched in sorted(found.items(), key=lambda one: one[0]):
        yield key, touched


def _middle(frame: FrameView) -> tuple[float, float]:
    """Return the sky position of the middle of a frame."""
    height, width = frame.shape
    ra, dec = pixel_to_sky(frame.wcs, np.array([(width - 1) / 2]), np.array([(height - 1) / 2]))
    return ra.item(), dec.item()


def _lines(reach: int) -> Array:
    step = max(reach // LOOKED_AT, 1)
    return np.unique(np.append(np.arange(0, reach, step), reach - 1))


def names_of_others(objects: int, cuts: Iterable[BandCut]) -> list[str]:
    """Return, for each object, the paths of the other files that any pixel comes from, separated by blanks."""
    names: list[dict[str, None]] = [{} for _ in range(objects)]
    for made in cuts:
        for members, key in made.others:
            for number in members.tolist():
                names[number][str(key[0])] = None
    return [" ".join(one) for one in names]


def _flags(members: Array, objects: int) -> Flags:
    flags = np.zeros(objects, bool)
    flags[members] = True
    return flags


def _all_rows(_: object) -> int:
    return 0
