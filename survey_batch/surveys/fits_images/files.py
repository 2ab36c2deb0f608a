"""Reading of an image from the bytes of a FITS file: which HDU, its pixels, its WCS, its time."""

import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import erfa
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from survey_batch.archive.fits_compressed import check_tiles
from survey_batch.archive.fits_headers import check_columns
from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.core.arrays import F4
from survey_batch.core.errors import UnreadableError
from survey_batch.core.wording import counted
from survey_batch.images.frame import AnyWcs, DistortedWcs, Frame, FrameWcs
from survey_batch.images.wcs import pixel_to_sky, tangent_plane
from survey_batch.surveys.fits_images.units import NANOMAGGY, factor_of, linear, stated_unit

SYSTEMS = ("ICRS", "FK5", "")
"""Systems of sky coordinates that are taken for ICRS: FK5 (J2000) differs from it by 0.02 arcsec."""
MOST_PIXELS = 1 << 29
"""Pixels of an image; a header that says more is taken for damaged."""
SAME = 1e-6
"""Pixels within which a WCS is TAN."""
MJD = 2400000.5
"""Julian date at which the modified one begins."""

Hdu = Any


def read_image(raw: bytes, hdu: str, unit: str, zero_point: float | str | None, *, tiles: bool = True) -> Frame:
    """Read an image.

    Parameters
    ----------
    raw
        The file, which may be packed by fpack but not by gzip.
    hdu
        Name (`SCI`, or `SCI,2` for the second of this name) or number of the HDU, from 0; "" for the first that holds
        an image of two dimensions. Number 0 is also the image that fpack has moved from there to HDU 1.
    unit, zero_point
        As in the job's table `[archive]`.
    tiles
        Whether numbers of HDUs are those of a file packed by fpack, if it is one, as its name says so.

    Returns
    -------
    Frame
        Its calibration is the unit of the product per unit of the file, the same in each column.

    Raises
    ------
    UnreadableError
        Not FITS, cut short, no such HDU, no image, no celestial WCS, or no known unit.
    """
    with opened(raw, hdu, tiles=tiles) as found:
        header = found.header
        factor = factor_of(header, unit, zero_point)
        stated = stated_unit(header) or ("" if unit == NANOMAGGY else unit)
        wcs = read_wcs(header, found.file)
        image = _converted(pixels_of(found), header, factor)
    if not np.isfinite(image).any():
        raise UnreadableError("no pixel of the image is a finite number")
    return Frame(image, np.full(image.shape[1], factor, np.float32), wcs, None, read_time(header), unit=stated)


class Opened(NamedTuple):
    """An image in an open file."""

    file: Any
    hdu: Hdu

    @property
    def header(self) -> fits.Header:
        """Return the image's header."""
        return self.hdu.header


@contextmanager
def opened(raw: bytes, hdu: str, key: str = "hdu", *, tiles: bool = True) -> Iterator[Opened]:
    """Open a file and find an image in it, whose header is safe to follow; `key` is the job's that names its HDU.

    Other parameters are those of `read_image`.

    Raises
    ------
    UnreadableError
        As of `read_image`, also for what is found inside the `with` block.
    """
    primary = primary_unit(raw)
    units = [primary, *extensions(primary)]  # each of them is whole, and no header says more than the file holds
    for one in units:
        check_columns(one.integer("TFIELDS", 0))
    with (
        damage_told("it cannot be read as FITS"),
        quiet(),
        fits.open(io.BytesIO(raw), memmap=False, lazy_load_hdus=False) as file,
    ):
        found = chosen(file, where_packed(units, hdu, tiles=tiles), key)
        check_tiles(units[file.index(found)])
        yield Opened(file, found)


def where_packed(units: Sequence[Unit], hdu: str, *, tiles: bool) -> str:
    """Return the HDU in a file, where fpack may have packed the primary image, and so moved all images by one.

    The card ZSIMPLE says that it did (FITS standard 4.0, section 10.1.2).
    """
    moved = len(units) > 1 and units[1].value("ZSIMPLE") == "T"
    if not moved or not hdu.isdecimal():
        return hdu
    if int(hdu) and len(units) > int(hdu) + 1 and not tiles:
        raise UnreadableError(
            f"it is packed by fpack, which moves images by one HDU, so number {hdu} is in doubt: give the HDU's name, "
            "or a path that ends in .fz and numbers of the packed file"
        )
    return hdu if int(hdu) else "1"


def pixels_of(found: Opened) -> Any:
    """Return the pixels of an image, (y, x), as numbers of any kind."""
    with damage_told(f"the pixels of {_name(found.hdu)} cannot be read"):
        return np.asarray(found.hdu.data).reshape(found.hdu.shape[-2:])


@contextmanager
def damage_told(what: str, beside: type[Exception] = MemoryError) -> Iterator[None]:
    """Raise an `UnreadableError` for whatever a library finds wrong with a file, `beside` one kind of error."""
    try:
        yield
    except (UnreadableError, beside):
        raise
    except Exception as error:
        raise UnreadableError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what astropy says of cards that it puts right out of a worker's log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def chosen(file: Sequence[Hdu], hdu: str, key: str = "hdu") -> Hdu:
    """Find the HDU of an image; `key` is the job's that names it."""
    if not hdu:
        images = [one for one in file if _is_image(one)]
        if not images:
            raise UnreadableError(f"it holds no image of two dimensions: {_listed(file)}")
        return images[0]
    found = next(filter(None, map(_named(hdu), range(len(file)), file)), None)
    if found is None:
        raise UnreadableError(f"it has no HDU {hdu!r}: {_listed(file)}; correct archive.{key}, or the column {key}")
    if not _is_image(found):
        raise UnreadableError(f"HDU {hdu!r} holds no image of two dimensions: {_listed(file)}")
    return found


def _named(hdu: str) -> Callable[[int, Hdu], Hdu | None]:
    """Return a test whether an HDU has this number, or this name and version."""
    name, _, version = hdu.partition(",")
    wanted = name.strip().upper()

    def test(number: int, one: Hdu) -> Hdu | None:
        if hdu.isdecimal():
            return one if number == int(hdu) else None
        same = (one.name or "").strip().upper() == wanted
        return one if same and (not version or str(one.ver) == version.strip()) else None

    return test


def _is_image(one: Hdu) -> bool:
    """Tell whether an HDU holds an image of two dimensions; further ones may have length 1."""
    shape = one.shape if one.is_image else ()
    if math.prod(shape) > MOST_PIXELS:
        raise UnreadableError(f"{_name(one)} says that it holds {counted(math.prod(shape), 'pixel')}: damaged")
    return len(shape) >= 2 and math.prod(shape) > 0 and math.prod(shape[:-2]) == 1


def _listed(file: Sequence[Hdu]) -> str:
    shapes = (" x ".join(map(str, one.shape[::-1])) if one.is_image else "a table" for one in file)
    return "it has " + ", ".join(
        f"{number} {one.name or 'without a name'} ({shape or 'empty'})"
        for number, (one, shape) in enumerate(zip(file, shapes, strict=True))
    )


def _name(one: Hdu) -> str:
    return f"HDU {one.name!r}" if one.name else "the image"


def _converted(pixels: Any, header: fits.Header, factor: float) -> F4:
    """Turn pixels into single precision, native and contiguous, and into the unit of the product."""
    with np.errstate(all="ignore"):  # numbers too large for float32
        image = np.array(linear(pixels, header), dtype=np.float32, order="C")
        if factor != 1:
            image *= np.float32(factor)
    return image


def read_wcs(header: fits.Header, file: Any = None) -> AnyWcs:
    """Read a celestial WCS; one that is TAN alone comes as such, which is faster.

    Parameters
    ----------
    header
        Of the image.
    file
        Its file, for distortions that stand in HDUs of their own.

    Raises
    ------
    UnreadableError
        There is none, or it is not in right ascension and declination of ICRS or FK5 (J2000).
    """
    # wcslib says of some damaged cards that memory is short.
    with damage_told("its WCS cannot be read", UnreadableError), quiet():
        whole = WCS(header, fobj=file)
        if whole.naxis > 2 and whole.has_celestial:
            whole = whole.celestial
        whole.wcs.set()
    if not whole.has_celestial:
        raise UnreadableError(f"its header has no celestial WCS: CTYPE1 is {header.get('CTYPE1', '')!r}")
    if whole.wcs.lngtyp.strip() != "RA":
        raise UnreadableError(
            f"its WCS is in {whole.wcs.lngtyp.strip()} and {whole.wcs.lattyp.strip()}, not in RA and DEC"
        )
    system, equinox = whole.wcs.radesys.strip(), whole.wcs.equinox
    if system not in SYSTEMS or (system != "ICRS" and math.isfinite(equinox) and equinox != 2000):
        raise UnreadableError(f"its sky coordinates are in the system {system} {equinox:g}, not in ICRS or FK5 of 2000")
    scale = whole.pixel_scale_matrix
    if not (np.isfinite(scale).all() and np.isfinite(whole.wcs.crval).all()) or np.linalg.det(scale) == 0:
        raise UnreadableError("its WCS maps no pixel to the sky: CRVAL or CD is not finite, or CD is singular")
    plain = FrameWcs(np.array(whole.wcs.crval), np.array(whole.wcs.crpix), np.array(scale))
    if whole.wcs.lng != 0 or not _agree(plain, whole, header):  # DEC may come before RA
        return DistortedWcs(whole)
    if str(header.get("CTYPE1", "")).endswith(("TNX", "ZPX")):  # of which what is not understood is left out in silence
        raise UnreadableError(
            f"the distortion of its WCS, {header['CTYPE1']}, cannot be read from its cards WAT1 and WAT2"
        )
    return plain


def _agree(plain: FrameWcs, whole: WCS, header: fits.Header) -> bool:
    """Tell whether a WCS is TAN and nothing else, by positions all over the image.

    What it says of itself is no sign: once it is read, TPV and TNX call themselves TAN.
    """
    width, height = (header.get(f"Z{name}", header.get(name, 1000)) for name in ("NAXIS1", "NAXIS2"))
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(0, width, 7), np.linspace(0, height, 7)))
    wrong = tangent_plane(*pixel_to_sky(plain, x, y), *pixel_to_sky(DistortedWcs(whole), x, y))
    size = np.sqrt(np.abs(np.linalg.det(plain.cd)))
    return bool((np.hypot(*wrong) < SAME * size).all())


def read_time(header: fits.Header) -> float:
    """Read MJD-OBS as a modified Julian date in atomic time; NaN if it is not there, or its time scale not known."""
    value, scale = header.get("MJD-OBS"), str(header.get("TIMESYS", "UTC")).strip().upper()
    if not isinstance(value, int | float) or not 0 < value < 1e5:
        return math.nan
    if scale == "TAI":
        return float(value)
    if scale in ("TT", "TDT", "ET", "TDB"):  # TDB differs from TT by 2 ms
        return float(value - 32.184 / 86400)
    if scale not in ("UTC", "UT"):
        return math.nan
    with quiet():
        return float(erfa.utctai(MJD, float(value))[1])
