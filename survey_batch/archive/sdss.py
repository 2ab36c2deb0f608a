"""SDSS imaging frames: where they lie in the archive, and how one is read.

A frame is one band of one field: 1489 rows of 2048 pixels in nanomaggies, sky subtracted, with a TAN WCS
(SDSS data model, `frame`). Its header's `FRAME` is not the field but the field plus 0, 2, 4, 6, 8 for r, i, u,
z, g, whose detectors see a star in that order. The field stands in the file's name and in the asTrans table.
"""

import io
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from survey_batch.errors import UnreadableError

FRAME_SHAPE = (1489, 2048)
"""Rows and columns of a frame."""

OVERLAP_ROWS = 128
"""The last rows of a field are the first ones of the next field of its run and camcol, on one pixel grid."""

ROW_STEP = FRAME_SHAPE[0] - OVERLAP_ROWS
"""Rows from the start of a field to the start of the next one: 1361."""

SKY_SHAPE = (192, 256)
"""Rows and columns of the coarse sky image as it is kept: `frame` files have some more or fewer rows."""

_FOLDERS = {"dr17": "eboss/photoObj/frames", "dr12": "boss/photoObj/frames"}
_SKY, _ASTRANS = 2, 3


class FieldKey(NamedTuple):
    """What names one field of the imaging survey."""

    rerun: int
    run: int
    camcol: int
    field: int


@dataclass(frozen=True, eq=False)
class FrameWcs:
    """A frame's TAN WCS, in the terms of the FITS standard: degrees, and pixels counted from 1."""

    crval: npt.NDArray[np.float64]
    """(2,): RA and Dec of the reference pixel in degrees, ICRS."""
    crpix: npt.NDArray[np.float64]
    """(2,): x and y of the reference pixel; 1 is the centre of the first pixel."""
    cd: npt.NDArray[np.float64]
    """(2, 2): degrees per pixel."""


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky that was subtracted from a frame: a coarse image, to be interpolated bilinearly."""

    image: npt.NDArray[np.float32]
    """(192, 256) counts; of the file's rows those that the frame needs, the last one repeated."""
    column: npt.NDArray[np.float32]
    """(2048,): where each column of the frame lies in it, in pixels from 0."""
    row: npt.NDArray[np.float32]
    """(1489,): where each row of the frame lies in it; beyond the edge the sky is constant."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One band of one field."""

    image: npt.NDArray[np.float32]
    """(1489, 2048) nanomaggy per pixel, sky subtracted."""
    calibration: npt.NDArray[np.float32]
    """(2048,) nanomaggy per count, one for each column."""
    wcs: FrameWcs
    sky: Sky | None = None
    """Read only where it was asked for."""


def frame_path(key: FieldKey, band: str, release: str = "dr17") -> str:
    """Return where a frame lies below the archive's root.

    Parameters
    ----------
    key
        The field.
    band
        One of u, g, r, i, z.
    release
        `dr17` (`eboss/photoObj`) or `dr12` (`boss/photoObj`).
    """
    rerun, run, camcol, field = key
    name = f"frame-{band}-{run:06d}-{camcol}-{field:04d}.fits.bz2"
    return f"{_FOLDERS[release]}/{rerun}/{run}/{camcol}/{name}"


def read_frame(raw: bytes, key: FieldKey, band: str, *, sky: bool = False) -> Frame:
    """Read a frame file and check that it is the one that was asked for.

    Parameters
    ----------
    raw
        The decompressed file.
    key, band
        The frame that the file should be.
    sky
        Whether to read the sky too.

    Returns
    -------
    Frame
        Contiguous arrays in native byte order; pixels that are not finite are passed on.

    Raises
    ------
    UnreadableError
        Not FITS, cut short, not the shape of a frame, no TAN WCS, or another frame than `key` and `band`; where
        the sky was asked for, no table of it.
    """
    try:
        with fits.open(io.BytesIO(raw), memmap=False) as hdus:
            frame = _read_hdus(hdus, key, band)
            return replace(frame, sky=_read_sky(hdus)) if sky else frame
    except UnreadableError:
        raise
    except Exception as error:
        # A damaged file makes astropy raise nearly anything; it is this one file that is at fault.
        raise UnreadableError(f"cannot read as an SDSS frame: {type(error).__name__}: {error}") from error


def _read_hdus(hdus: Any, key: FieldKey, band: str) -> Frame:
    primary, calibration = hdus[0], hdus[1]
    _check_identity(_claimed_identity(primary.header), key, band)
    # Shapes are judged by the headers, before a damaged one can make astropy ask for terabytes.
    _check_shape("image", primary.header, FRAME_SHAPE)
    _check_shape("calibration vector", calibration.header, FRAME_SHAPE[1:])
    wcs = _read_wcs(primary.header)
    _check_field(hdus, key)
    return Frame(image=_native(primary.data), calibration=_native(calibration.data), wcs=wcs)


def _read_sky(hdus: Any) -> Sky:
    """Read the sky's table, and keep the rows of its image that the frame needs, so that all have one shape."""
    table = hdus[_SKY].data
    image, column, row = (_native(table[name][0]) for name in ("ALLSKY", "XINTERP", "YINTERP"))
    if (len(row), len(column)) != FRAME_SHAPE or image.ndim != 2 or image.shape[1] != SKY_SHAPE[1]:
        raise UnreadableError(f"sky has shape {image.shape} for {len(row)} rows and {len(column)} columns")
    first = int(np.clip(np.floor(row.min()), 0, len(image) - 1))
    last = int(np.clip(np.ceil(row.max()), first, len(image) - 1))
    missing = SKY_SHAPE[0] - (last + 1 - first)
    if missing < 0:
        raise UnreadableError(f"sky has {last + 1 - first} rows, that of an SDSS frame at most {SKY_SHAPE[0]}")
    return Sky(np.pad(image[first : last + 1], ((0, missing), (0, 0)), mode="edge"), column, row - np.float32(first))


def _native(data: Any) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(data, dtype=np.float32)


def _check_shape(what: str, header: Any, expected: tuple[int, ...]) -> None:
    shape = tuple(int(header[f"NAXIS{axis}"]) for axis in range(int(header["NAXIS"]), 0, -1))
    if shape != expected:
        raise UnreadableError(f"{what} has shape {shape}, that of an SDSS frame is {expected}")


def _claimed_identity(header: Any) -> dict[str, int | str]:
    """Read which frame the header says this is; its values may be numbers or strings."""
    missing = [name for name in ("RUN", "CAMCOL", "FILTER") if name not in header]
    if missing:
        raise UnreadableError(f"not an SDSS frame: its header has no {', '.join(missing)}")
    numbers = {name.lower(): int(header[name]) for name in ("RERUN", "RUN", "CAMCOL") if name in header}
    return {**numbers, "band": str(header["FILTER"]).strip()}


def _check_identity(claimed: dict[str, int | str], key: FieldKey, band: str) -> None:
    asked = {**key._asdict(), "band": band}
    if wrong := [name for name in claimed if claimed[name] != asked[name]]:
        said = ", ".join(f"{name} {claimed[name]} instead of {asked[name]}" for name in wrong)
        raise UnreadableError(f"the file is another frame than its name says: {said}")


def _check_field(hdus: Any, key: FieldKey) -> None:
    """Check the field, which the asTrans table alone holds; a file without that table goes unchecked."""
    if len(hdus) <= _ASTRANS or "FIELD" not in (hdus[_ASTRANS].columns.names or []):
        return
    _check_identity({"field": int(hdus[_ASTRANS].data["FIELD"][0])}, key, "")


def _read_wcs(header: Any) -> FrameWcs:
    projection = (header.get("CTYPE1"), header.get("CTYPE2"))
    if projection != ("RA---TAN", "DEC--TAN"):
        raise UnreadableError(f"WCS is {projection}, that of an SDSS frame is ('RA---TAN', 'DEC--TAN')")
    wcs = FrameWcs(
        crval=_numbers(header, "CRVAL1", "CRVAL2"),
        crpix=_numbers(header, "CRPIX1", "CRPIX2"),
        cd=_numbers(header, "CD1_1", "CD1_2", "CD2_1", "CD2_2").reshape(2, 2),
    )
    finite = all(np.isfinite(part).all() for part in (wcs.crval, wcs.crpix, wcs.cd))
    if not finite or np.linalg.det(wcs.cd) == 0:
        raise UnreadableError("WCS maps no pixel to the sky: CRVAL, CRPIX or CD is not finite, or CD is singular")
    return wcs


def _numbers(header: Any, *names: str) -> npt.NDArray[np.float64]:
    return np.array([float(header[name]) for name in names])
