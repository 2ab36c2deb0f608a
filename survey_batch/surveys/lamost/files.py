"""LAMOST low-resolution spectra: their paths in the archive and the reading of their files.

Files have three layouts, told apart by their HDUs and the card EXTEN0, never by name or release:

a. primary array of five rows: flux, inverse variance, **wavelength**, AND mask, OR mask;
b. the same with a **subcontinuum** in place of the wavelength, which is then 10^(COEFF0 + COEFF1 i);
c. a table `COADD` of one row with the columns FLUX, IVAR, WAVELENGTH, ANDMASK, ORMASK.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.core.arrays import F8, I4
from survey_batch.core.errors import UnreadableError
from survey_batch.core.sky import separation_arcsec
from survey_batch.core.wording import counted
from survey_batch.spectra.checks import increasing
from survey_batch.spectra.grid import Spectrum, log_linear_start

__all__ = ["Spectrum", "checked_header", "mask_bits", "read_spectrum", "spectrum_path"]

Numbers = npt.NDArray[Any]

Mode = Literal["spec", "med"]
"""How names of files begin: of low or of medium resolution."""

FOLDERS: Mapping[Mode, str] = {"spec": "spectrum", "med": "medspectrum"}
"""Folder of each in the layout `obsid`."""

UNKNOWN_MASK = 1 << 15
"""Replaces a mask value that is not a bit mask (negative, huge or not a number)."""

MASK_BITS = {
    "bad_ccd_pixel": 1 << 0,
    "bad_profile": 1 << 1,
    "no_sky": 1 << 2,
    "bright_sky": 1 << 3,
    "off_ccd": 1 << 4,
    "no_good_data": 1 << 5,
    "unknown": UNKNOWN_MASK,
}
"""Bits of LAMOST's ANDMASK; `unknown` stands for a value that is not a bit mask."""

ROW_TYPES = (16, 32, -32, -64)
"""BITPIX of five-row arrays."""

NUMBERS = ("obsid", "spid", "fiberid")
"""Numbers of an observation, in both header and catalogue; all count from 1."""

GRIDS = 64
"""Wavelength grids that are kept, of 16 kB each; 312 real files of all releases have 15."""

ENDS = 16
"""Bytes at either end of a row of wavelengths by which a known grid is found."""

ARCMINUTE = 60.0
"""Arcseconds; a file's position farther than this from the catalogue's belongs to another object."""


def read_spectrum(raw: bytes, row: Mapping[str, object] | None = None) -> Spectrum:
    """Read one low-resolution spectrum, and check that it belongs to the object.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.
    row
        The object's catalogue row. `obsid`, `planid`, `spid`, `fiberid`, `ra` and `dec` [deg] are compared if both the
        row and the header have them.

    Raises
    ------
    UnreadableError
        The bytes are not a FITS file, are cut short, hold a medium-resolution spectrum or that of another object, or
        contradict themselves.
    """
    primary = checked_header(raw, row or {})
    with np.errstate(all="ignore"):  # the grid flags values that are not finite or overflow
        return _read_rows(primary) if primary.shape else _read_table(extensions(primary))


def checked_header(raw: bytes, row: Mapping[str, object]) -> Unit:
    """Find the first header of a LAMOST file, and check that it is of the row's object and of vacuum wavelengths."""
    primary = primary_unit(raw)
    _check_identity(primary, row)
    if primary.value("VACUUM") == "F":
        raise UnreadableError("the header says that wavelengths are not vacuum wavelengths (VACUUM = F)")
    return primary


def spectrum_path(layout: str, row: Mapping[str, object], mode: Mode = "spec") -> str | None:
    """Return the path of an object's file below the archive's root.

    Parameters
    ----------
    layout
        `flat`: all files in the root; `plan`: `<obsdate>/<planid>/`; `obsid`: `spectrum/fits/<obsid>`.
    row
        The object's catalogue row: `filename`, or `lmjd`, `planid`, `spid` and `fiberid`; `obsdate`; `obsid`.
        Keys may be absent and values missing (None, NaN, empty).
    mode
        `spec`: low resolution; `med`: medium resolution, whose folder in the layout `obsid` is `medspectrum/fits`.

    Returns
    -------
    str or None
        None if the row does not give enough.
    """
    if layout == "obsid":
        obsid = _whole(row, "obsid")
        return None if obsid is None else f"{FOLDERS[mode]}/fits/{obsid}"
    name = _text(row, "filename") or _file_name(row, mode)
    if layout == "flat" or name is None:
        return name
    date, plan = _text(row, "obsdate")[:10].replace("-", ""), _text(row, "planid")
    return f"{date}/{plan}/{name}" if len(date) == 8 and date.isdigit() and plan else None


def _file_name(row: Mapping[str, object], mode: Mode) -> str | None:
    day, plan = _whole(row, "lmjd"), _text(row, "planid")
    spectrograph, fiber = _whole(row, "spid"), _whole(row, "fiberid")
    if day is None or not plan or spectrograph is None or fiber is None:
        return None
    return f"{mode}-{day}-{plan}_sp{spectrograph:02d}-{fiber:03d}.fits.gz"


def _text(row: Mapping[str, object], key: str) -> str:
    return _as_text(row.get(key))


def _as_text(value: object) -> str:
    # NaN and NaT, the missing values of data frames, differ from themselves.
    return "" if value is None or value != value else str(value).strip()


def _whole(row: Mapping[str, object], key: str) -> int | None:
    """Return an integer from a column that may be text or, with gaps, float; None if missing."""
    return _whole_of(row.get(key))


def _whole_of(value: object) -> int | None:
    text = _as_text(value).removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() else None


def _check_identity(primary: Unit, row: Mapping[str, object]) -> None:
    """Refuse a file whose header names a different object than the catalogue's row."""
    wrong = []
    for name in (*NUMBERS, "planid"):
        held, asked = primary.value(name.upper()), _text(row, name)
        if held != asked and (other := _other(name, held, asked)):
            wrong.append(other)
    here, there = _position(primary.value("RA"), primary.value("DEC")), _position(row.get("ra"), row.get("dec"))
    if here and there and (apart := _separation(here, there)) > ARCMINUTE:
        wrong.append("position {} {} instead of {} {} ({:.3g} arcmin away)".format(*here, *there, apart / ARCMINUTE))
    if wrong:
        raise UnreadableError(f"the file holds another object than the catalogue says: {', '.join(wrong)}")


def _other(name: str, held: str | None, asked: str) -> str:
    """Say that a number or name in the header is not that of the row; empty if one is not known, or both are equal."""
    values = [held, asked] if name == "planid" else [_whole_of(held), _whole_of(asked)]
    return f"{name} {values[0]} instead of {values[1]}" if all(values) and values[0] != values[1] else ""


def _position(*values: object) -> tuple[float, float] | None:
    """Return right ascension and declination [deg], which may be text; None if they are not known."""
    try:
        ra, dec = (float(value if isinstance(value, float) else _as_text(value)) for value in values)
    except ValueError:
        return None
    return (ra, dec) if 0 <= ra <= 360 and -90 <= dec <= 90 else None


def _separation(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Return the separation [arcsec] of two positions [deg]; for neighbours, an upper limit of it."""
    limit = 3600 * (abs(here[0] - there[0]) + abs(here[1] - there[1]))
    return limit if limit < ARCMINUTE / 2 else float(separation_arcsec(*here, *there))


def _read_rows(primary: Unit) -> Spectrum:
    """Read layouts (a) and (b)."""
    content, shape = primary.value("EXTEN0") or "", primary.shape
    if (bitpix := primary.integer("BITPIX")) not in ROW_TYPES:
        raise UnreadableError(f"header card BITPIX is {bitpix}; a LAMOST spectrum has 16, 32, -32 or -64")
    if len(shape) != 2 or shape[0] != 5 or shape[1] < 2:
        raise UnreadableError(f"primary array of shape {shape} is not the five rows of a LAMOST spectrum")
    extensions(primary)  # a file that is cut short after its spectrum is damaged too
    rows = primary.numbers()
    third = content.replace(",", " ").split()[2:3]
    if third == ["Wavelength"]:
        return _spectrum(rows[0], rows[1], rows[3], rows[2])
    if third == ["Subcontinuum"]:
        return _spectrum(rows[0], rows[1], rows[3], _log_linear(primary, shape[1]))
    raise UnreadableError(f"header card EXTEN0 is {content!r}: its third row is neither Wavelength nor Subcontinuum")


def _log_linear(primary: Unit, size: int) -> Numbers:
    """Return wavelengths from the header's coefficients: 10^(COEFF0 + COEFF1 i)."""
    first, step = primary.real("COEFF0"), primary.real("COEFF1")
    if not (0 < first < 10 and 0 < step < 1 / size):
        raise UnreadableError(f"wavelength coefficients COEFF0 = {first}, COEFF1 = {step} are impossible")
    return _wavelengths(first, step, size)


@lru_cache(maxsize=GRIDS)
def _wavelengths(first: float, step: float, size: int) -> F8:
    return np.asarray(10 ** (first + step * np.arange(size)))


def _read_table(units: list[Unit]) -> Spectrum:
    """Read layout (c)."""
    named = {unit.value("EXTNAME") or "": unit for unit in reversed(units)}
    if medium := [name for name in ("COADD_B", "COADD_R") if name in named]:
        raise UnreadableError(
            f"a medium-resolution spectrum (extension {medium[0]}), another instrument mode: "
            'remove it from the catalogue, and give such spectra a job with survey = "lamost-medium"'
        )
    if "COADD" not in named:
        raise UnreadableError(f"no spectrum: empty primary array, and no table COADD among the extensions {[*named]}")
    table = named["COADD"]
    row = table.row()
    if len(table.rows()) > 1:
        raise UnreadableError(
            f"table COADD has {counted(len(table.rows()), 'row')}, and not the one of a LAMOST spectrum"
        )
    return _spectrum(*(_column(table, row, key) for key in ("FLUX", "IVAR", "ANDMASK", "WAVELENGTH")))


def _column(table: Unit, row: np.void, key: str) -> Numbers:
    if key not in (row.dtype.names or ()):
        raise UnreadableError(f"table COADD has no column {key}; it has {row.dtype.names}")
    values = table.physical(key, row)
    if values.ndim != 1 or values.dtype.kind not in "iufb":
        raise UnreadableError(f"column {key} of table COADD does not hold one row of numbers")
    return values


class Grid(NamedTuple):
    """Where the pixels of a spectrum are: `start` and `sampled` as in `Spectrum`."""

    start: float
    sampled: F8 | None


def _spectrum(flux: Numbers, ivar: Numbers, mask: Numbers, wavelength: Numbers) -> Spectrum:
    if not flux.size == ivar.size == mask.size == wavelength.size >= 2:
        raise UnreadableError(
            f"{flux.size} fluxes, {ivar.size} variances, {mask.size} masks, {wavelength.size} wavelengths"
        )
    grid = _grid_of(wavelength)
    return Spectrum(flux.astype(np.float32), ivar.astype(np.float32), mask_bits(mask), *grid)


_grids: dict[tuple[bytes, bytes, np.dtype[Any]], tuple[bytes, Grid]] = {}
"""Grids that were found before, and the bytes of their wavelengths, by the first and last of these."""


def _grid_of(wavelength: Numbers) -> Grid:
    """Find the grid of some wavelengths; most files of a survey have one of a few dozen rows of them."""
    raw = wavelength.tobytes()
    key = raw[:ENDS], raw[-ENDS:], wavelength.dtype  # to hash all bytes takes four times as long as to compare them
    known = _grids.get(key)
    if known is None or known[0] != raw:
        if len(_grids) >= GRIDS:
            _grids.clear()
        known = _grids[key] = raw, _new_grid(np.frombuffer(raw, wavelength.dtype).astype(np.float64))
    return known[1]


def _new_grid(wavelength: F8) -> Grid:
    wavelength.setflags(write=False)  # shared by all its spectra
    if not increasing(wavelength):
        raise UnreadableError("its wavelengths are not increasing positive numbers")
    start = log_linear_start(np.log10(wavelength))
    return Grid(start, None if np.isfinite(start) else wavelength)


def mask_bits(mask: Numbers) -> I4:
    """Return a mask in the 16 bits that a survey may use."""
    if not np.count_nonzero(mask.view(f"u{mask.itemsize}")):  # true of nine files in ten
        return np.zeros(mask.size, np.int32)
    if mask.min() >= 0 and mask.max() < UNKNOWN_MASK:  # no, too, if one is not a number
        return mask.astype(np.int32)
    known = (mask >= 0) & (mask < UNKNOWN_MASK)
    return np.where(known, np.where(known, mask, 0).astype(np.int32), np.int32(UNKNOWN_MASK))
