"""LAMOST low-resolution spectra: where the archive keeps them and how their files are read.

A file comes in three layouts, told apart by its HDUs and the card EXTEN0, never by its name or release:

a. primary array of five rows: flux, inverse variance, **wavelength**, AND mask, OR mask;
b. the same with a **subcontinuum** in place of the wavelength, which is 10^(COEFF0 + COEFF1 i);
c. a table `COADD` of one row with the columns FLUX, IVAR, WAVELENGTH, ANDMASK, ORMASK.

`astropy.io.fits` takes several times longer to parse the 150 cards of such a header than all else together, and
six of them are needed: they are looked up in the raw bytes, where the FITS standard has a card every 80 bytes.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.errors import UnreadableError
from survey_batch.spectra.grid import STEP, Spectrum

__all__ = ["Spectrum", "header_value", "read_spectrum", "spectrum_path"]

F8 = npt.NDArray[np.float64]
Numbers = npt.NDArray[Any]

LINEAR_TOLERANCE = 0.005
"""Pixels by which those of a log-linear grid may be off their places; float32 rounding moves one by 0.001."""
UNKNOWN_MASK = 1 << 15
"""Stands for a mask value in the file that is no bit mask (negative, huge or not a number)."""

CARD, BLOCK = 80, 2880
BITPIX_TYPES = {16: ">i2", 32: ">i4", -32: ">f4", -64: ">f8"}
COLUMN_TYPES = {"E": ">f4", "D": ">f8", "I": ">i2", "J": ">i4", "K": ">i8", "B": "u1"}
LARGEST_AXIS = 1_000_000


def read_spectrum(raw: bytes) -> Spectrum:
    """Read one low-resolution spectrum.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.

    Raises
    ------
    UnreadableError
        The bytes are no FITS file, are cut short, hold a medium-resolution spectrum or contradict themselves.
    """
    if not raw.startswith(b"SIMPLE  ="):
        raise UnreadableError(f"not a FITS file: it begins with {raw[:24]!r} ({len(raw)} bytes)")
    end = _header_end(raw, 0)
    if header_value(raw, "VACUUM", end) == "F":
        raise UnreadableError("the header says that wavelengths are not vacuum wavelengths (VACUUM = F)")
    if _integer(raw, "NAXIS", end) == 0:
        return _read_table(raw, end)
    return _read_rows(raw, end)


def header_value(raw: bytes, key: str, end: int, begin: int = 0) -> str | None:
    """Value of a header card as text, without quotes and comment.

    Parameters
    ----------
    raw
        The file; the header is `raw[begin:end]`.
    key
        The card's keyword.

    Returns
    -------
    str or None
        None if there is no such card.
    """
    name = key.ljust(8).encode() + b"="
    at = raw.find(name, begin, end)
    while at >= 0 and (at - begin) % CARD:
        at = raw.find(name, at + 1, end)
    if at < 0:
        return None
    text = raw[at + 9 : at + CARD].decode("ascii", "replace").strip()
    return text[1:].split("'")[0].strip() if text.startswith("'") else text.split("/")[0].strip()


def spectrum_path(layout: str, row: Mapping[str, object]) -> str | None:
    """Path of an object's file below the archive's root.

    Parameters
    ----------
    layout
        `flat`: all files in the root; `plan`: `<obsdate>/<planid>/`; `obsid`: `spectrum/fits/<obsid>`.
    row
        The object's catalogue row: `filename`, or `lmjd`, `planid`, `spid` and `fiberid`; `obsdate`; `obsid`.
        Keys may be absent and values missing (None, NaN, empty).

    Returns
    -------
    str or None
        None where the row does not tell.
    """
    if layout == "obsid":
        obsid = _whole(row, "obsid")
        return None if obsid is None else f"spectrum/fits/{obsid}"
    name = _text(row, "filename") or _file_name(row)
    if layout == "flat" or name is None:
        return name
    date, plan = _text(row, "obsdate")[:10].replace("-", ""), _text(row, "planid")
    return f"{date}/{plan}/{name}" if len(date) == 8 and date.isdigit() and plan else None


def _file_name(row: Mapping[str, object]) -> str | None:
    day, plan = _whole(row, "lmjd"), _text(row, "planid")
    spectrograph, fiber = _whole(row, "spid"), _whole(row, "fiberid")
    if day is None or not plan or spectrograph is None or fiber is None:
        return None
    return f"spec-{day}-{plan}_sp{spectrograph:02d}-{fiber:03d}.fits.gz"


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    # NaN and NaT, the missing values of data frames, are the values that differ from themselves.
    return "" if value is None or value != value else str(value).strip()


def _whole(row: Mapping[str, object], key: str) -> int | None:
    """Integer of a column that may have been read as text or, with gaps, as float; None if it is missing."""
    text = _text(row, key).removesuffix(".0")
    return int(text) if text.isascii() and text.isdigit() else None


def _header_end(raw: bytes, begin: int) -> int:
    """Offset of the END card of the header that starts at `begin`."""
    card = b"END" + b" " * (CARD - 3)
    at = raw.find(card, begin)
    while at >= 0 and (at - begin) % CARD:
        at = raw.find(card, at + 1)
    if at < 0:
        raise UnreadableError(f"the FITS header at byte {begin} has no END card: cut short at {len(raw)} bytes?")
    return at


def _data_begin(header_end: int) -> int:
    return -(-(header_end + CARD) // BLOCK) * BLOCK


def _integer(raw: bytes, key: str, end: int, begin: int = 0) -> int:
    text = header_value(raw, key, end, begin)
    try:
        value = int(text or "")
    except ValueError:
        raise UnreadableError(f"header card {key} is {text!r}, not an integer") from None
    if abs(value) > LARGEST_AXIS:
        raise UnreadableError(f"header card {key} is {value}: not a LAMOST spectrum")
    return value


def _real(raw: bytes, key: str, end: int) -> float:
    text = header_value(raw, key, end)
    try:
        return float(text or "")
    except ValueError:
        raise UnreadableError(f"header card {key} is {text!r}, not a number") from None


def _read_rows(raw: bytes, end: int) -> Spectrum:
    """Layouts (a) and (b)."""
    content = header_value(raw, "EXTEN0", end) or ""
    shape = _integer(raw, "NAXIS2", end), _integer(raw, "NAXIS1", end)
    kind = BITPIX_TYPES.get(_integer(raw, "BITPIX", end))
    if _integer(raw, "NAXIS", end) != 2 or shape[0] != 5 or shape[1] < 2 or kind is None:
        raise UnreadableError(f"primary array of {shape} is not the five rows of a LAMOST spectrum")
    rows = _values(raw, _data_begin(end), np.dtype(kind), shape[0] * shape[1]).reshape(shape)
    third = content.replace(",", " ").split()[2:3]
    if third == ["Wavelength"]:
        return _spectrum(rows[0], rows[1], rows[3], rows[2])
    if third == ["Subcontinuum"]:
        return _spectrum(rows[0], rows[1], rows[3], _log_linear(raw, end, shape[1]))
    raise UnreadableError(f"header card EXTEN0 is {content!r}: its third row is neither Wavelength nor Subcontinuum")


def _log_linear(raw: bytes, end: int, size: int) -> F8:
    """Wavelengths by the header's coefficients: 10^(COEFF0 + COEFF1 i)."""
    first, step = _real(raw, "COEFF0", end), _real(raw, "COEFF1", end)
    if not (0 < first < 10 and 0 < step < 1 / size):
        raise UnreadableError(f"wavelength coefficients COEFF0 = {first}, COEFF1 = {step} cannot be true")
    return np.asarray(10 ** (first + step * np.arange(size)))


def _read_table(raw: bytes, primary_end: int) -> Spectrum:
    """Layout (c)."""
    names = []
    for name, begin, end in _extensions(raw, _data_begin(primary_end)):
        if name in ("COADD_B", "COADD_R"):
            raise UnreadableError(
                f"a medium-resolution spectrum (extension {name}), another instrument mode; "
                "take it out of the catalogue: only low resolution can be used"
            )
        if name == "COADD":
            row = _values(raw, _data_begin(end), _row_type(raw, begin, end), 1)[0]
            return _spectrum(*(_column(row, key) for key in ("FLUX", "IVAR", "ANDMASK", "WAVELENGTH")))
        names.append(name)
    raise UnreadableError(f"no spectrum: empty primary array, and no table COADD among the extensions {names}")


def _extensions(raw: bytes, begin: int) -> Iterator[tuple[str, int, int]]:
    """Name, begin and END card of each extension's header."""
    while begin < len(raw):
        end = _header_end(raw, begin)
        yield header_value(raw, "EXTNAME", end, begin) or "", begin, end
        axes = [_integer(raw, f"NAXIS{i + 1}", end, begin) for i in range(_integer(raw, "NAXIS", end, begin) % 10)]
        size = abs(_integer(raw, "BITPIX", end, begin)) // 8 * math.prod(axes) if axes else 0
        begin = _data_begin(end) + -(-max(size, 0) // BLOCK) * BLOCK


def _row_type(raw: bytes, begin: int, end: int) -> np.dtype[Any]:
    fields = []
    for i in range(1, 1 + _integer(raw, "TFIELDS", end, begin)):
        name, form = (header_value(raw, f"{key}{i}", end, begin) or "" for key in ("TTYPE", "TFORM"))
        kind, repeat = COLUMN_TYPES.get(form[-1:]), form[:-1] or "1"
        if kind is None or not name or not repeat.isdigit() or int(repeat) > LARGEST_AXIS:
            raise UnreadableError(f"column {i} of table COADD has name {name!r} and format {form!r}")
        fields.append((name, kind, (int(repeat),)))
    try:
        return np.dtype(fields)
    except ValueError as error:
        raise UnreadableError(f"table COADD has unusable columns: {error}") from None


def _column(row: np.void, key: str) -> Numbers:
    if key not in (row.dtype.names or ()):
        raise UnreadableError(f"table COADD has no column {key}; it has {row.dtype.names}")
    return np.asarray(row[key])


def _values(raw: bytes, begin: int, kind: np.dtype[Any], count: int) -> Numbers:
    missing = begin + count * kind.itemsize - len(raw)
    if missing > 0:
        raise UnreadableError(f"cut short: {missing} bytes of pixels are missing from a file of {len(raw)} bytes")
    return np.frombuffer(raw, kind, count, begin)


def _spectrum(flux: Numbers, ivar: Numbers, mask: Numbers, wavelength: Numbers) -> Spectrum:
    wavelength = wavelength.astype(np.float64)
    if not flux.size == ivar.size == mask.size == wavelength.size >= 2:
        raise UnreadableError(
            f"{flux.size} fluxes, {ivar.size} variances, {mask.size} masks, {wavelength.size} wavelengths"
        )
    # Written so that a NaN makes it false.
    if not (wavelength[0] > 0 and wavelength[-1] < np.inf and bool((wavelength[1:] > wavelength[:-1]).all())):
        raise UnreadableError("its wavelengths are not increasing positive numbers")
    bits = np.where((mask >= 0) & (mask < UNKNOWN_MASK), mask, UNKNOWN_MASK).astype(np.int32)
    offset = np.log10(wavelength) / STEP - np.arange(wavelength.size)
    start = float(offset.mean())
    linear = np.abs(offset - start).max() < LINEAR_TOLERANCE
    with np.errstate(over="ignore"):  # too large for float32 is infinite, which the grid flags
        values = flux.astype(np.float32), ivar.astype(np.float32), bits
    return Spectrum(*values, start) if linear else Spectrum(*values, np.nan, wavelength)
