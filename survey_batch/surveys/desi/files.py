"""DESI coadds: the spectra of many targets in three arms, B, R and Z (DESI data model, `coadd`).

The table `FIBERMAP` has a row for each target. Each arm has the images `<arm>_WAVELENGTH`, and `<arm>_FLUX`,
`<arm>_IVAR` and `<arm>_MASK` with a row for each target. The pixels of all arms lie on one grid of 0.8 Angstrom, and
neighbouring arms share some of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_compressed import image, image_shape
from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.core.arrays import F8, I8
from survey_batch.core.errors import NotFoundError, ObjectError, UnreadableError
from survey_batch.spectra.checks import increasing
from survey_batch.spectra.grid import Spectrum
from survey_batch.surveys.fits_spectra.flux_units import contradicts

ARMS = ("B", "R", "Z")

UNIT = "1e-17 erg / (angstrom s cm2)"
"""Unit of the flux."""

ON_GRID = 0.01
"""Pixels by which an arm's wavelengths may be off the common grid."""

OTHER = 1 << 15
"""Stands for mask bits that have no name here."""

BITS = (
    *("some_bad_pixel", "all_bad_pixel", "cosmic_ray", "low_flat", "bad_fibre_flat", "bright_sky", "bad_sky"),
    *("bad_2d_fit", "no_data", "bad_fibre", "bad_column"),
)
"""Bits 0 to 10 of SPECMASK (DESI data model, Bit Masks)."""
MASK_BITS = {**{name: 1 << bit for bit, name in enumerate(BITS)}, "other": OTHER}
KNOWN = (1 << len(BITS)) - 1


class Arm(NamedTuple):
    """One arm's spectra of some targets; the arrays are (target, pixel) but for the wavelengths [Angstrom], (pixel)."""

    wavelength: F8
    flux: npt.NDArray[Any]
    ivar: npt.NDArray[Any]
    mask: I8


def read_coadd(raw: bytes, targets: Sequence[int]) -> list[Spectrum | ObjectError]:
    """Read the spectra of some targets, each found by its TARGETID; see `read_rows`.

    Returns
    -------
    list
        For each target its spectrum, or a `NotFoundError`; an `UnreadableError` where several rows have its TARGETID.
    """
    numbers = _numbers(_named(raw))
    rows = [_row_or_error(numbers, target) for target in targets]
    found = iter(read_rows(raw, [row for row in rows if isinstance(row, int)]))
    return [next(found) if isinstance(row, int) else row for row in rows]


def row_of_target(numbers: Sequence[int], target: int) -> int:
    """Return the place of a target among the TARGETIDs of a file.

    Raises
    ------
    NotFoundError, UnreadableError
        It is not there, or several times, as in files of single exposures.
    """
    if (there := numbers.count(target)) > 1:
        raise UnreadableError(f"{there} spectra in this file have TARGETID {target}: it is no coadd")
    if not there:
        raise NotFoundError(
            f"no target with TARGETID {target} in this coadd; check that the catalogue is of this release and layout"
        )
    return numbers.index(target)


def read_rows(raw: bytes, rows: Sequence[int]) -> list[Spectrum]:
    """Read the spectra in some rows, and join their arms.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.
    rows
        Places in the table FIBERMAP, from 0.

    Returns
    -------
    list
        For each row its spectrum (see `join`).

    Raises
    ------
    UnreadableError
        The bytes are no coadd, are cut short, or contradict themselves.
    """
    named = _named(raw)
    targets, wanted = len(_numbers(named)), list(rows)
    if not wanted:
        return []
    with np.errstate(all="ignore"):  # the grid flags values that are not finite
        return join([_arm(named, arm, targets, wanted) for arm in ARMS if f"{arm}_FLUX" in named])


def _named(raw: bytes) -> dict[str, Unit]:
    named = {(unit.value("EXTNAME") or "").upper(): unit for unit in reversed(extensions(primary_unit(raw)))}
    if "FIBERMAP" not in named or not any(f"{arm}_FLUX" in named for arm in ARMS):
        raise UnreadableError(f"this is no coadd of DESI: it needs FIBERMAP and B_FLUX, and has {', '.join(named)}")
    return named


def _numbers(named: dict[str, Unit]) -> list[int]:
    numbers = named["FIBERMAP"].column("TARGETID")
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        raise UnreadableError("column TARGETID of table FIBERMAP does not hold one whole number in each row")
    found: list[int] = numbers.tolist()
    return found


def _row_or_error(numbers: Sequence[int], target: int) -> int | ObjectError:
    try:
        return row_of_target(numbers, target)
    except ObjectError as error:
        return error


def _arm(named: dict[str, Unit], arm: str, targets: int, wanted: list[int]) -> Arm:
    units = {part: named.get(f"{arm}_{part}") for part in ("WAVELENGTH", "FLUX", "IVAR", "MASK")}
    there = {part: unit for part, unit in units.items() if unit is not None}
    if lacking := [f"{arm}_{part}" for part in units if part not in there]:
        raise UnreadableError(f"the coadd has {arm}_FLUX, but no {' or '.join(lacking)}")
    if contradicts(stated := there["FLUX"].value("BUNIT") or "", UNIT):
        raise UnreadableError(f"arm {arm}: its fluxes are in {stated!r}, and those of a coadd are in {UNIT}")
    wavelength = image(there.pop("WAVELENGTH")).astype(np.float64)
    shapes = {part: image_shape(unit) for part, unit in there.items()}
    if wavelength.ndim != 1 or {*shapes.values()} != {(targets, wavelength.size)} or wavelength.size < 2:
        raise UnreadableError(
            f"arm {arm}: {targets} targets, wavelengths {wavelength.shape}, {shapes}: they must agree"
        )
    flux, ivar, mask = (image(unit, wanted) for unit in there.values())
    if mask.dtype.kind not in "iu":
        raise UnreadableError(f"arm {arm}: the mask holds {mask.dtype}, not integers")
    if not increasing(wavelength):
        raise UnreadableError(f"arm {arm}: its wavelengths are not increasing positive numbers")
    return Arm(wavelength, flux, ivar, mask.astype(np.int64))


def join(arms: Sequence[Arm]) -> list[Spectrum]:
    """Join the arms of some targets on their common grid; the resolution of each arm stays as it is.

    Where two arms share a pixel, their good values are averaged with their inverse variances, and one good value makes
    the pixel good. A pixel without a good value keeps the values of its bluest arm, and the mask bits of all.

    Raises
    ------
    UnreadableError
        The arms have no common grid.
    """
    pixels, grid = common_grid([arm.wavelength for arm in arms])
    shape = len(arms[0].flux), grid.size
    flux, ivar, mask = np.full(shape, np.nan, np.float32), np.zeros(shape, np.float32), np.zeros(shape, np.int32)
    weighted, total = np.zeros(shape), np.zeros(shape)
    for arm, at in reversed([*zip(arms, pixels, strict=True)]):
        flux[:, at], ivar[:, at] = arm.flux, arm.ivar
        mask[:, at] |= np.where(arm.mask & ~KNOWN, (arm.mask & KNOWN) | OTHER, arm.mask).astype(np.int32)
        good = (arm.mask == 0) & (arm.ivar > 0) & np.isfinite(arm.ivar) & np.isfinite(arm.flux)
        weight = np.where(good, arm.ivar, 0).astype(np.float64)
        total[:, at] += weight
        weighted[:, at] += weight * np.where(good, arm.flux, 0)
    seen = total > 0
    flux[seen], ivar[seen], mask[seen] = weighted[seen] / total[seen], total[seen], 0
    return [Spectrum(flux[row], ivar[row], mask[row], np.nan, grid) for row in range(len(flux))]


def common_grid(wavelengths: Sequence[F8]) -> tuple[list[npt.NDArray[np.intp]], F8]:
    """Return the places of each arm's pixels on their common grid, and the grid's wavelengths [Angstrom].

    Raises
    ------
    UnreadableError
        They do not lie on one grid of equal steps.
    """
    first = min(float(of[0]) for of in wavelengths)
    step = float(np.median(np.diff(wavelengths[0])))
    places = [(of - first) / step for of in wavelengths]
    pixels = [np.round(place).astype(np.intp) for place in places]
    off = max(float(np.abs(place - pixel).max()) for place, pixel in zip(places, pixels, strict=True))
    size = 1 + max(int(pixel[-1]) for pixel in pixels)
    if off > ON_GRID or size > 2 * sum(of.size for of in wavelengths):
        raise UnreadableError(f"the wavelengths of the arms do not lie on one grid of {step:g} Angstrom")
    grid = first + step * np.arange(size)
    for pixel, of in zip(pixels, wavelengths, strict=True):
        grid[pixel] = of
    return pixels, np.asarray(grid, np.float64)
