"""Cutouts of one block, step by step: assign fields, gather pixels, stitch, register, judge."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from survey_batch.config.sections.images import CutoutsSection
from survey_batch.core.arrays import F8, I8, Index
from survey_batch.core.errors import TransientError
from survey_batch.core.status import Status
from survey_batch.images.cutout import coverage, cut, cut_mask, overlap
from survey_batch.images.frame import FrameGrid
from survey_batch.images.ivar import window_ivar
from survey_batch.images.quality import NO_DATA
from survey_batch.images.reader import Field
from survey_batch.images.register import MARGIN, Span, resample, resample_ivar, resample_mask
from survey_batch.images.stitch import rows_from, steps_beyond
from survey_batch.images.wcs import tangent_at
from survey_batch.images.windows import Planes, Window, best_step, judged, overlay, windows_around
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block
from survey_batch.stages.frame_source import CORRECTION_VARIABLES, TIME, Reach
from survey_batch.stages.frame_view import Bands
from survey_batch.stages.object_status import MissingFrame, status_of
from survey_batch.stages.served import BandCut, Piece, Served, is_error, usable
from survey_batch.stages.stored_frames import FramePart, Frames, Patch, read_patches
from survey_batch.stages.tile_stitching import fill_from_tiles, names_of_others
from survey_batch.store.schema import Array

ROWS_STEP = 64
"""Rows; a block of bzip2 holds about 110."""


class Cutting:
    """The steps, with the settings of the cutouts and the source of the frames."""

    def __init__(self, section: CutoutsSection, source: Frames) -> None:
        self.size, self.ivar, self.correction = section.size, section.ivar, section.aperture_correction
        self.mask = source.reader.mask_bits is not None
        self.subpixel = section.registration == "subpixel"
        self.reach = self.size + (MARGIN if self.subpixel else 0)
        self.source, self.bands, self.reader = source, source.bands, source.reader
        self.grid: FrameGrid = self.reader.grid

    def block(self, names: Sequence[str], rows: Rows, empty: Block) -> Block:
        """Cut all objects of a block, field by field, into an empty one."""
        for key, members in by_field(names, rows):
            for served in self.assign(key, members, rows["ra"], rows["dec"]):
                cuts = self.cut(served)
                self.store_field(empty, names, served, cuts)
                self.store(empty, served, cuts, rows["ra"], rows["dec"])
                self.judge(empty, served, cuts)
        return empty

    def assign(self, key: Field, members: Index, ra: F8, dec: F8) -> Iterator[Served]:
        """Divide the objects of a field among it and its neighbours, by which of them covers most of their windows."""
        own = self.source.load(key, self._around(ra[members], dec[members]), len(members))
        step = best_step(
            list(self._windows(own, ra[members], dec[members]).values()), self.reach, self.grid, len(members)
        )
        for offset in (-1, 0, 1):
            if not (chosen := members[step == offset]).size:
                continue
            beyond = key if offset == 0 else self.reader.beyond(key, offset)
            bands = own if offset == 0 else self._neighbour(beyond, own, self._around(ra[chosen], dec[chosen]))
            windows = self._windows(bands, ra[chosen], dec[chosen])
            on_frame = np.any([one.inside(usable(bands)[letter].shape) for letter, one in windows.items()], axis=0)
            on_frame = np.broadcast_to(on_frame, chosen.shape)
            yield Served(key if bands is own else beyond, bands, chosen, windows, on_frame)

    def _around(self, ra: F8, dec: F8) -> Reach:
        """Tell how many of a frame's first rows the windows around these positions need."""
        return lambda wcs: self._rows(windows_around(wcs, ra, dec, self.size, subpixel=self.subpixel))

    def _rows(self, window: Window) -> int:
        """Count the first rows that windows need, in steps, since a field's bands need nearly the same number."""
        last: int = _bounds(window.y.start, self.reach, self.grid.rows).stop
        return min(-(-last // ROWS_STEP) * ROWS_STEP, self.grid.rows)

    def _windows(self, bands: Bands, ra: F8, dec: F8) -> dict[str, Window]:
        frames = usable(bands).items()
        return {letter: windows_around(one.wcs, ra, dec, self.size, subpixel=self.subpixel) for letter, one in frames}

    def _neighbour(self, key: Field, own: Bands, reach: Reach) -> Bands:
        """Load a neighbour; if the archive has fewer bands of it, return the catalogue's own field."""
        bands = self.source.load(key, reach)
        errors = [frame for frame in bands.values() if isinstance(frame, TransientError)]
        return bands if errors or len(usable(bands)) >= len(usable(own)) else own

    def cut(self, served: Served) -> dict[str, BandCut]:
        """Gather, stitch and register the windows of all bands."""
        frames = usable(served.bands)
        pieces = [Piece(letter, served.field, frames[letter], window) for letter, window in served.windows.items()]
        cuts = {
            piece.letter: BandCut(planes, np.full((len(served.members), 2), served.field[-1]))
            for piece, planes in zip(pieces, self._gather(pieces), strict=True)
        }
        if self.grid.overlap is not None:
            self._stitch(served, cuts)
        elif self.reader.stitches:
            fill_from_tiles(served, cuts, self.source, self._gather, self.reach)
        for letter, made in cuts.items():
            made.planes = self._register(made.planes, served.windows[letter])
        return cuts

    def _gather(self, pieces: Sequence[Piece]) -> Iterator[Planes]:
        """Cut the parts of windows that frames cover."""
        parts = [self._part(piece) for piece in pieces]
        for piece, part, patch in zip(pieces, parts, read_patches(parts, noise=self.ivar), strict=True):
            yield self._planes(piece, part, patch)

    def _part(self, piece: Piece) -> FramePart:
        """Return the part of a frame that holds all windows."""
        starts = piece.window.y.start, piece.window.x.start
        rows, columns = (
            _bounds(start, self.reach, length) for start, length in zip(starts, piece.frame.shape, strict=True)
        )
        return FramePart(piece.frame, rows, columns)

    def _planes(self, piece: Piece, part: FramePart, patch: Patch) -> Planes:
        """Cut windows from what was read of a frame."""
        x_start, y_start = piece.window.x.start, piece.window.y.start
        x_here, y_here = x_start - part.columns.start, y_start - part.rows.start
        planes: Planes = {"flux": cut(patch.pixels, x_here, y_here, self.reach)}
        if patch.mask is not None:
            planes["mask"] = cut_mask(patch.mask, x_here, y_here, self.reach, NO_DATA)
        if patch.ivar is not None:
            planes["ivar"] = cut(patch.ivar, x_here, y_here, self.reach)
        elif patch.noise is not None:
            ccd = self.source.ccd(piece.field, piece.letter)
            planes["ivar"] = window_ivar(planes["flux"], x_start, y_start, *patch.noise, ccd)
        return judged(planes)

    def _stitch(self, served: Served, cuts: Mapping[str, BandCut]) -> None:
        """Fill the rows that the serving frames lack from other frames of the strip."""
        pieces, places = [], []
        for letter, made in cuts.items():
            window = served.windows[letter]
            wanted = served.on_frame & (overlap(window.x.start, self.reach, self.grid.columns) > 0)
            for step in steps_beyond(window.y.start[wanted], self.reach, self.grid):
                rows = rows_from(step, window.y.start, self.reach, self.grid)
                if not (touched := wanted & rows.any(axis=1)).any():
                    continue
                key = self.reader.beyond(served.field, step)
                moved = window.moved(step * self.grid.step).take(touched)
                frame = self.source.load(key, _always(self._rows(moved)))[letter]
                if is_error(frame):
                    made.missing.append((touched, MissingFrame(key, letter, frame, f"field {key[-1]}")))
                    continue
                pieces.append(Piece(letter, key, frame, moved))
                places.append((touched, rows))
        for piece, (touched, rows), patch in zip(pieces, places, self._gather(pieces), strict=True):
            made = cuts[piece.letter]
            overlay(made.planes, patch, np.flatnonzero(touched), rows[touched][:, :, None])
            made.fields[touched, 0] = np.minimum(made.fields[touched, 0], piece.field[-1])
            made.fields[touched, 1] = np.maximum(made.fields[touched, 1], piece.field[-1])

    def _register(self, planes: Planes, window: Window) -> Planes:
        """Resample windows to the cutouts' pixels, if needed."""
        if not self.subpixel:
            return planes
        shift: dict[str, Callable[[Array, Span, Span], Array]] = {
            "flux": resample,
            "ivar": resample_ivar,
            "mask": resample_mask,
        }
        return {name: shift[name](values, window.x, window.y) for name, values in planes.items()}

    def store_field(self, block: Block, names: Sequence[str], served: Served, cuts: Mapping[str, BandCut]) -> None:
        """Put the field that serves the objects into the block and, with neighbours, those they are stitched of."""
        data, members = block.data, served.members
        if self.grid.overlap is None:
            for name, value in zip(names, served.field, strict=True):
                data[f"source_{name}"][members] = value
            if self.reader.stitches:
                data["source_beyond"][members] = names_of_others(len(members), cuts.values())
            return
        fields = np.stack([cut.fields for cut in cuts.values()]) if cuts else np.full((1, 1, 2), served.field[-1])
        data["source_field"][members] = served.field[-1]
        data["first_field"][members], data["last_field"][members] = fields[..., 0].min(0), fields[..., 1].max(0)

    def store(self, block: Block, served: Served, cuts: Mapping[str, BandCut], ra: F8, dec: F8) -> None:
        """Put the cutouts of all bands, their positions, WCS and time into the block."""
        data, members = block.data, served.members
        data["coverage"][members] = 0  # a missing band covers nothing
        if self.mask:
            data["mask"][members] = NO_DATA
        for letter, made in cuts.items():
            number, window, frame = self.bands.index(letter), served.windows[letter], usable(served.bands)[letter]
            for name, values in made.planes.items():
                data[name][members, number] = values
            data["coverage"][members, number] = coverage(made.planes["flux"])
            data["x_object"][members, number], data["y_object"][members, number] = window.x.inside, window.y.inside
            wcs = tangent_at(frame.wcs, ra[members], dec[members])
            data["crval"][members, number], data["cd"][members, number] = wcs.crval, wcs.cd
            data["crpix"][members, number] = wcs.crpix - np.stack([window.x.first, window.y.first], axis=1)
            data[TIME][members, number] = frame.mjd_tai
            for part, name in CORRECTION_VARIABLES.items() if self.correction else ():
                data[name][members, number] = getattr(frame.correction, part)

    def judge(self, block: Block, served: Served, cuts: Mapping[str, BandCut]) -> None:
        """Set each object's status; empty the unusable rows."""
        errors = [MissingFrame(served.field, letter, one) for letter, one in served.bands.items() if is_error(one)]
        reached = [lack for made in cuts.values() for lack in made.missing]
        for number, row in enumerate(served.members.tolist()):
            beyond = [lack for touched, lack in reached if touched[number]]
            on_frame = bool(served.on_frame[number])
            status, message = status_of(self.bands, errors, beyond, block.data["coverage"][row], on_frame)
            if status is Status.OK:
                continue
            first = next(((lack.field, lack.band) for lack in (*errors, *beyond)), (served.field, self.bands[0]))
            faults = "\n".join({lack.error.traceback: None for lack in (*errors, *beyond) if lack.error.traceback})
            block.fail(row, status, message, self.source.url(*first), faults)
            if status is not Status.PARTIAL:
                for values in block.data.values():
                    values[row] = {"f": np.nan, "O": ""}.get(values.dtype.kind, 0)


def by_field(names: Sequence[str], rows: Rows) -> Iterator[tuple[Field, Index]]:
    """Group a block's rows by their field, in order."""
    members: dict[Field, list[int]] = {}
    for row, key in enumerate(zip(*(rows[name].tolist() for name in names), strict=True)):
        members.setdefault(key, []).append(row)
    for key in sorted(members):
        yield key, np.array(members[key])


def _always(rows: int) -> Reach:
    return lambda _: rows


def _bounds(start: I8, size: int, length: int) -> slice:
    """Return the part of an axis that holds all windows; at least one pixel, so that there is something to cut from."""
    low = int(np.clip(start.min(), 0, length - 1))
    return slice(low, int(np.clip(start.max() + size, low + 1, length)))
