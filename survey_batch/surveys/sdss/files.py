"""SDSS imaging frames: their paths in the archive, and the reading of a frame.

A frame is one band of one field: 1489 rows of 2048 pixels in nanomaggies, sky subtracted, with a TAN WCS
(SDSS data model, `frame`). Its header's `FRAME` is not the field but the field plus 0, 2, 4, 6, 8 for r, i, u,
z, g, whose detectors see a star in that order. The field is in the file's name and in the asTrans table.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.archive.spellings import spellings
from survey_batch.core.errors import UnreadableError
from survey_batch.images.frame import CTYPE, CUNIT, AnyWcs, Frame, FrameGrid, FrameTop, FrameWcs, Sky
from survey_batch.images.reader import PartOfFile

HEADER_BYTES = 120_000
"""More than the header of a frame has, which is 100 cards of 80 bytes; a file with a longer one is read whole."""

OVERLAP_ROWS = 128
"""Last rows of a field that are also the first rows of the next field of its run and camcol."""

GRID = FrameGrid(rows=1489, columns=2048, overlap=OVERLAP_ROWS)
"""The pixels of a frame, and how neighbours lie on them."""

FRAME_SHAPE = GRID.shape

SKY_SHAPE = (192, 256)
"""Rows and columns of the coarse sky image as stored here; in `frame` files the number of rows varies a little."""

SECONDS_PER_DAY = 86400

SYSTEMS = ("ICRS", "FK5")
"""Systems of sky coordinates that are taken for ICRS: FK5 (J2000) differs from it by 0.02 arcsec, 1/20 of a pixel."""

DISTORTED = ("A_ORDER", "B_ORDER", *(f"PV{axis}_{term}" for axis in (1, 2) for term in range(5)))
"""Cards of a TAN WCS that is not TAN alone, as astrometric programs write them."""

_FOLDERS = {
    **dict.fromkeys(("dr8", "dr9", "dr10", "dr11", "dr12"), "boss/photoObj/frames"),
    **dict.fromkeys(("dr13", "dr14", "dr15", "dr16", "dr17"), "eboss/photoObj/frames"),
    **dict.fromkeys(("dr18", "dr19"), "prior-surveys/sdss4-dr17-eboss/photoObj/frames"),
}
"""Where releases keep frames, below `https://data.sdss.org/sas/<release>`."""
_FIELD_TO_FRAME = {"r": 0, "i": 2, "u": 4, "z": 6, "g": 8}
"""What the card FRAME adds to the field."""

_CALIBRATION, _SKY, _ASTRANS = 0, 1, 2
"""Indices among the extensions."""


class FieldKey(NamedTuple):
    """The identity of one field of the imaging survey."""

    rerun: int
    run: int
    camcol: int
    field: int


def frame_path(key: FieldKey, band: str, release: str = "dr17") -> str:
    """Return the path of a frame below the archive's root.

    Parameters
    ----------
    key
        The field.
    band
        One of u, g, r, i, z.
    release
        `dr8` to `dr19`; it decides the folder.
    """
    rerun, run, camcol, field = key
    name = f"frame-{band}-{run:06d}-{camcol}-{field:04d}.fits.bz2"
    return f"{_FOLDERS[release]}/{rerun}/{run}/{camcol}/{name}"


def other_frame_paths(key: FieldKey, band: str, release: str, *, remote: bool) -> tuple[str, ...]:
    """Return other paths of a frame: packed differently or not at all, in a single folder, or without rerun.

    Parameters
    ----------
    key, band, release
        As in `frame_path`.
    remote
        Whether each look-up is a request to a server; if so, only the archive's own folder and the root are tried.
    """
    path, top = frame_path(key, band, release), _FOLDERS[release]
    by_run = f"{key.run}/{key.camcol}"
    folders = ("",) if remote else ("", top, by_run, f"{top}/{by_run}", f"{key.rerun}/{by_run}")
    return spellings(path, folders)[1:]


def read_frame(raw: bytes, key: FieldKey, band: str, *, sky: bool = False) -> Frame:
    """Read a frame file and check that it is the one asked for.

    Parameters
    ----------
    raw
        The decompressed file.
    key, band
        The frame that the file should be.
    sky
        Whether to read the sky as well.

    Returns
    -------
    Frame
        Contiguous arrays in native byte order. Pixels that are not finite are kept, as long as one pixel is finite.

    Raises
    ------
    UnreadableError
        Not FITS, cut short, not the shape or unit of a frame, no TAN WCS, or not the frame of `key` and `band`; no
        finite pixel or no calibration; if the sky was asked for, no table of it.
    """
    primary = _primary_of_frame(raw, key, band)
    wcs = _read_wcs(primary)
    others = extensions(primary)
    if len(others) <= _CALIBRATION:
        raise UnreadableError("cut short: the file ends after its image, without the calibration vector")
    _check_image("calibration vector", others[_CALIBRATION], FRAME_SHAPE[1:])
    _check_field(others, key)
    with np.errstate(all="ignore"):  # numbers too large for float32
        image, calibration = _native(primary.pixels()), _native(others[_CALIBRATION].pixels())
        if not np.isfinite(image).any():
            raise UnreadableError("no pixel of the image is a finite number")
        if not (np.isfinite(calibration) & (calibration > 0)).all():
            raise UnreadableError("the calibration vector is not positive everywhere")
        return Frame(image, calibration, wcs, _read_sky(others) if sky else None, _read_time(primary))


def read_frame_top(file: PartOfFile, key: FieldKey, band: str, rows: Callable[[AnyWcs], int]) -> FrameTop:
    """Read the first rows of a frame file, and decompress no more of it than they need.

    What follows the image stays unread: the calibration vector, the sky, and the table asTrans, which names the field.
    Here the header's `FRAME` tells which field it is. A file whose header is not that of the frame is read whole, so
    that asTrans or the error of `read_frame` decides.

    Parameters and errors are those of `ImageReader.read_top`.
    """
    header = _header_of_frame(file.upto(HEADER_BYTES), key, band)
    if header is None:
        frame = read_frame(file.whole(), key, band)
        return FrameTop(frame.image, frame.wcs, frame.mjd_tai)
    wcs = _read_wcs(header)
    count = rows(wcs)
    end = header.data + count * FRAME_SHAPE[1] * abs(header.integer("BITPIX")) // 8
    with np.errstate(all="ignore"):  # numbers too large for float32
        image = _native(replace(header, raw=file.upto(end)).first_rows(count))
    return FrameTop(image, wcs, _read_time(header))


def _header_of_frame(start: bytes, key: FieldKey, band: str) -> Unit | None:
    """Return the first header if it alone shows that this is the right frame."""
    try:
        header = _primary_of_frame(start, key, band)
    except UnreadableError:
        return None
    return header if header.value("FRAME") == str(key.field + _FIELD_TO_FRAME[band]) else None


def _primary_of_frame(raw: bytes, key: FieldKey, band: str) -> Unit:
    """Find the first header and check it; before anything else is parsed, it tells whether this is the right frame."""
    primary = primary_unit(raw)
    _check_kind(primary)
    _check_identity(_claimed_identity(primary), key, band)
    _check_image("image", primary, FRAME_SHAPE)
    if (unit := primary.value("BUNIT")) not in (None, "", "nanomaggy"):
        raise UnreadableError(f"its pixels are in {unit!r}; a calibrated SDSS frame is in nanomaggy")
    return primary


def _check_kind(primary: Unit) -> None:
    """Refuse by name the other files of the imaging survey that people keep next to frames.

    They are recognised by the data models `fpC`, `fpM` and `psField` of SDSS DR7.
    """
    if primary.value("MASKROWS") or primary.value("NPLANE"):
        kind = "an fpM file, the masks of a frame"
    elif not primary.shape:
        first = [unit.value(f"TTYPE{number}") for unit in extensions(primary)[:1] for number in range(1, 20)]
        kind = "a psField file, the point-spread functions of a field" if "RROWS" in first else _NO_IMAGE
    elif len(primary.shape) == 2 and primary.value("BITPIX") in ("16", "32") and primary.value("BUNIT") != "nanomaggy":
        kind = "an fpC file, a frame in counts with its sky"
    else:
        return
    raise UnreadableError(
        f"this is {kind}; a calibrated frame is needed: frame-BAND-RUN-CAMCOL-FIELD.fits.bz2 of DR8 or later"
    )


_NO_IMAGE = "a file without an image, such as psField, fpM and fpObjc"


def _read_sky(others: list[Unit]) -> Sky:
    """Read the sky's table, and keep only the rows of its image that the frame needs, padded to one common shape."""
    unit = others[_SKY] if len(others) > _SKY else None
    table = unit.row() if unit else None
    names = ("ALLSKY", "XINTERP", "YINTERP")
    if unit is None or table is None or (lacking := [name for name in names if name not in (table.dtype.names or ())]):
        raise UnreadableError(f"no table of the sky: no column {', '.join(names if table is None else lacking)}")
    if strange := [name for name in names if table.dtype[name].base.kind not in "iuf"]:
        raise UnreadableError(f"sky has columns that are not numeric: {', '.join(strange)}")
    image, column, row = (_native(unit.physical(name, table)) for name in names)
    if (len(row), len(column)) != FRAME_SHAPE or image.ndim != 2 or image.shape[1] != SKY_SHAPE[1]:
        raise UnreadableError(f"sky has shape {image.shape} for {row.shape} rows and {column.shape} columns")
    if not (np.isfinite(row).all() and np.isfinite(column).all()):
        raise UnreadableError("sky does not say where each row and column of the frame lies in it")
    first = int(np.clip(np.floor(row.min()), 0, len(image) - 1))
    last = int(np.clip(np.ceil(row.max()), first, len(image) - 1))
    missing = SKY_SHAPE[0] - (last + 1 - first)
    if missing < 0:
        raise UnreadableError(f"sky has {last + 1 - first} rows; an SDSS frame has at most {SKY_SHAPE[0]}")
    return Sky(np.pad(image[first : last + 1], ((0, missing), (0, 0)), mode="edge"), column, row - np.float32(first))


def _native(data: Any) -> npt.NDArray[np.float32]:
    return np.array(data, dtype=np.float32, order="C")


def _check_image(what: str, unit: Unit, expected: tuple[int, ...]) -> None:
    """Check an array's shape and type by its header."""
    if unit.shape != expected:
        raise UnreadableError(f"{what} has shape {unit.shape}; an SDSS frame has {expected}")
    if (bitpix := unit.integer("BITPIX")) not in (-32, -64):
        raise UnreadableError(f"{what} has BITPIX {bitpix}; an SDSS frame has -32")
    if (scale := (unit.real("BSCALE", 1), unit.real("BZERO", 0))) != (1, 0):
        raise UnreadableError(f"{what} has BSCALE, BZERO {scale}; an SDSS frame has (1, 0)")


def _claimed_identity(primary: Unit) -> dict[str, int | str]:
    """Read the frame's identity from the header, whose values may be numbers or strings."""
    missing = [name for name in ("RUN", "CAMCOL", "FILTER") if primary.value(name) is None]
    if missing:
        raise UnreadableError(f"not an SDSS frame: its header has no {', '.join(missing)}")
    numbers = {name.lower(): primary.integer(name) for name in ("RUN", "CAMCOL")}
    if primary.value("RERUN") is not None:
        numbers["rerun"] = primary.integer("RERUN")
    return {**numbers, "band": str(primary.value("FILTER"))}


def _check_identity(claimed: dict[str, int | str], key: FieldKey, band: str) -> None:
    asked = {**key._asdict(), "band": band}
    if wrong := [name for name in claimed if claimed[name] != asked[name]]:
        said = ", ".join(f"{name} {claimed[name]} instead of {asked[name]}" for name in wrong)
        raise UnreadableError(f"the file is not the frame that its name says: {said}")


def _check_field(others: list[Unit], key: FieldKey) -> None:
    """Check the field, which only the asTrans table holds; a file without that table is not checked."""
    if len(others) <= _ASTRANS:
        return
    table = others[_ASTRANS].row()
    if "FIELD" in (table.dtype.names or ()):
        field = np.ravel(table["FIELD"])
        if field.dtype.kind not in "iu" or field.size != 1:
            raise UnreadableError("the table asTrans does not say which field this is")
        _check_identity({"field": int(field[0])}, key, "")


def _read_wcs(primary: Unit) -> FrameWcs:
    projection = (primary.value("CTYPE1"), primary.value("CTYPE2"))
    if projection != CTYPE:
        raise UnreadableError(f"WCS is {projection}; an SDSS frame has {CTYPE}")
    if (system := primary.value("RADESYS") or primary.value("RADECSYS") or "FK5") not in SYSTEMS:
        raise UnreadableError(f"its sky coordinates are in the system {system}; an SDSS frame has ICRS")
    if system != "ICRS" and (equinox := primary.real("EQUINOX", 2000)) != 2000:
        raise UnreadableError(f"its sky coordinates are in the system {system} {equinox:g}; an SDSS frame has ICRS")
    if {primary.value(f"CUNIT{axis}") or CUNIT[0] for axis in (1, 2)} != {*CUNIT}:
        raise UnreadableError("its sky coordinates are not in degrees, by CUNIT1 and CUNIT2")
    if (bent := [card for card in DISTORTED if primary.value(card)]) or primary.real("LONPOLE", 180) != 180:
        raise UnreadableError(f"WCS is more than TAN, by {bent[0] if bent else 'LONPOLE'}; an SDSS frame has TAN alone")
    wcs = FrameWcs(
        crval=_numbers(primary, "CRVAL1", "CRVAL2"),
        crpix=_numbers(primary, "CRPIX1", "CRPIX2"),
        cd=_numbers(primary, "CD1_1", "CD1_2", "CD2_1", "CD2_2").reshape(2, 2),
    )
    finite = all(np.isfinite(part).all() for part in (wcs.crval, wcs.crpix, wcs.cd))
    with np.errstate(all="ignore"):
        if not finite or np.linalg.det(wcs.cd) == 0:
            raise UnreadableError("WCS maps no pixel to the sky: CRVAL, CRPIX or CD is not finite, or CD is singular")
    if abs(wcs.crval[0]) > 360 or abs(wcs.crval[1]) > 90:
        raise UnreadableError(f"WCS has its reference pixel at {wcs.crval[0]} {wcs.crval[1]}, which is not on the sky")
    return wcs


def _read_time(primary: Unit) -> float:
    """Read when the first row was read out: modified Julian date (TAI), NaN if the header does not say.

    The card TAI counts seconds from 17 November 1858, 0 h, which is where the modified Julian date begins.
    """
    try:
        seconds = primary.real("TAI", math.nan)
    except UnreadableError:  # the pixels are worth having without it
        return math.nan
    return seconds / SECONDS_PER_DAY if math.isfinite(seconds) and seconds > 0 else math.nan


def _numbers(primary: Unit, *names: str) -> npt.NDArray[np.float64]:
    return np.array([primary.real(name) for name in names])
