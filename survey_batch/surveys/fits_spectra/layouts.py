"""Layouts of FITS files with spectra, told by content: tables with columns, and images with or beside coordinates."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_compressed import image
from survey_batch.archive.fits_units import Unit
from survey_batch.catalog.guesses import first_match, plain
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import InvalidError, NotFoundError, UnreadableError
from survey_batch.surveys.fits_spectra.axis import LOG10, from_header, has_axis, medium_of, unit_of
from survey_batch.surveys.fits_spectra.flux_units import error_factor

Numbers = npt.NDArray[Any]

WAVELENGTH = ("wavelength", "wave", "lambda", "lam", "wl", "wavelengths", "spectralaxis", "wlen", "waveobs", "obswave")
WAVELENGTH_SAID = (
    *("wavevac", "wavevacuum", "wavelengthvac", "lambdavac", "wavelengthvacuum"),
    *("waveair", "lambdaair", "wavelengthair", "vacwave", "airwave"),
)
LOG_WAVELENGTH = ("loglam", "loglambda", "logwave", "logwavelength")
FLUX = ("flux", "flam", "flambda", "fluxlambda", "fluxdensity", "fluxcal", "spec", "spectrum", "counts", "sci", "data")
ERRORS: Mapping[str, tuple[str, ...]] = {
    "ivar": ("ivar", "invvar", "inversevariance", "inverse", "fluxivar", "ivarflux"),
    "error": (
        *("error", "err", "errors", "fluxerr", "fluxerror", "errflux", "eflux", "sigma", "noise", "std", "stdev"),
        *("stddev", "uncertainty", "uncert", "unc", "sig", "flamerr", "fluxsigma", "sigmaflux", "rms"),
    ),
    "variance": ("var", "variance", "fluxvar", "fluxvariance"),
}
MASK = ("andmask", "mask", "quality", "qual", "dq", "flags", "flag", "bad", "badpix")
"""Names of columns and of images, as `catalog.guesses.plain` writes them, most usual first."""
OTHERS = frozenset((*WAVELENGTH, *WAVELENGTH_SAID, *LOG_WAVELENGTH, *chain(*ERRORS.values()), *MASK))
"""Names of images that are no fluxes."""
POWERS: Mapping[str, int] = {"error": 1, "variance": 2, "ivar": -2}
"""Of the unit of flux: the unit of errors of each kind."""


class Found(NamedTuple):
    """One spectrum as in its file; arrays are (n,).

    Parameters
    ----------
    wavelength
        In `unit`.
    unit, medium
        As `axis.unit_of` and `axis.medium_of` return them; "" if the file does not say.
    flux, flux_unit
        The flux, and its unit as in the file.
    ivar
        Inverse variance, 0 where unknown; None if the file has no errors.
    mask
        True is bad; None if the file has none.
    """

    wavelength: F8
    unit: str
    medium: str
    flux: Numbers
    flux_unit: str
    ivar: F8 | None
    mask: Flags | None


def find_spectrum(units: Sequence[Unit], primary: Unit, row: int) -> Found | None:
    """Find a spectrum in a file's units; None if no layout fits.

    Parameters
    ----------
    units
        All units of the file, or those to look at.
    primary
        The first unit of the file, whose header is that of all.
    row
        Which spectrum, from 0, if there are several; -1 if the catalogue does not say.

    Raises
    ------
    UnreadableError, InvalidError, NotFoundError
        A layout fits, but the spectrum cannot be had.
    """
    with np.errstate(all="ignore"):  # the grid flags values that are not finite
        for unit in units:
            table = unit.value("XTENSION") == "BINTABLE" and unit.value("ZIMAGE") != "T"
            if table and (found := _from_table(unit, primary, row)) is not None:
                return found
        return _from_images(units, primary, row)


def _from_table(table: Unit, primary: Unit, row: int) -> Found | None:
    """Read a table with a row for each pixel, or for each spectrum."""
    names = table.columns().names or ()
    wavelength = first_match((*WAVELENGTH, *WAVELENGTH_SAID, *LOG_WAVELENGTH), names)
    flux = first_match(FLUX, names)
    if wavelength is None or flux is None:
        return None
    rows = table.rows()
    if rows.dtype[flux].shape == () and len(rows) < 2:  # a table of objects
        return None
    errors = {kind: name for kind, known in ERRORS.items() if (name := first_match(known, names)) is not None}
    kind = next(iter(errors), "")
    wanted = dict.fromkeys(filter(None, (wavelength, flux, errors.get(kind), first_match(MASK, names))))
    columns = {name: _physical(table, name, rows) for name in wanted}
    unit_of_column = {name: table.value(f"TUNIT{index}") or "" for index, name in enumerate(names, 1)}
    if columns[flux].ndim > 1 and len(columns[flux]):
        number = chosen(row, len(columns[flux]), "rows")
        columns = {name: values[number] if values.ndim > 1 else values for name, values in columns.items()}
    mask = first_match(MASK, names)
    log = plain(wavelength) in LOG_WAVELENGTH
    unit = unit_of_column[flux]
    return Found(
        columns[wavelength].astype(np.float64),
        LOG10 if log else unit_of(unit_of_column[wavelength]),
        medium_of((primary, table), (wavelength,)),
        columns[flux],
        unit,
        _ivar(columns[errors[kind]], kind, unit_of_column[errors[kind]], unit) if kind else None,
        _bad(columns[mask]) if mask else None,
    )


def _physical(table: Unit, name: str, rows: npt.NDArray[np.void]) -> Numbers:
    values = table.physical(name, rows)
    if values.dtype.kind not in "iufb":
        raise UnreadableError(f"column {name} of its table does not hold numbers")
    return values


def _from_images(units: Sequence[Unit], primary: Unit, row: int) -> Found | None:
    """Read an image whose first axis is wavelength, with images of errors and masks beside it."""
    images: dict[str, Unit] = {}
    for number, image_unit in enumerate(units):
        if _is_image(image_unit):
            images.setdefault(plain(_name(image_unit)) or f"#{number}", image_unit)
    first = first_match(FLUX, [*images]) or next((name for name in images if name not in OTHERS), None)
    beside = first_match((*WAVELENGTH, *LOG_WAVELENGTH), list(images))
    if first is None or (beside is None and not has_axis(images[first])):
        return None
    unit = images[first]
    flux, bands = _plane(unit, row)
    if beside is not None:
        wavelength = _of_row(image(images[beside]), row).astype(np.float64)
        text = images[beside].value("BUNIT") or ""
        scale = LOG10 if beside in LOG_WAVELENGTH else unit_of(text)
        medium = medium_of((primary, images[beside]), (beside,))
    else:
        wavelength, scale = from_header(unit, flux.size, max(row, 0))
        medium = medium_of((primary, unit))
    errors = {kind: name for kind, known in ERRORS.items() if (name := first_match(known, list(images)))}
    kind = next(iter(errors), "")
    flux_unit = unit.value("BUNIT") or ""
    ivar = bands
    if kind:
        noise = images[errors[kind]]
        ivar = _ivar(_of_row(image(noise), row), kind, noise.value("BUNIT") or "", flux_unit)
    mask = first_match(MASK, list(images))
    bad = _bad(_of_row(image(images[mask]), row)) if mask else None
    return Found(wavelength, scale, medium, flux, flux_unit, ivar, bad)


def _name(unit: Unit) -> str:
    return unit.value("EXTNAME") or ""


def _is_image(unit: Unit) -> bool:
    table = unit.value("XTENSION") in ("BINTABLE", "TABLE")
    return unit.value("ZIMAGE") == "T" if table else bool(unit.shape) and min(unit.shape) > 0


def _plane(unit: Unit, row: int) -> tuple[Numbers, F8 | None]:
    """Return one spectrum of an image, and the inverse variance in its bands, as IRAF writes them (`BANDID`)."""
    values = image(unit)
    bands = {number: (unit.value(f"BANDID{number}") or "").lower() for number in range(1, 10)}
    if values.ndim == 3 and bands[1]:
        sigma = next((number for number, text in bands.items() if text.startswith("sigma")), 0)
        ivar = _ivar(_of_row(values[sigma - 1], row), "error") if 0 < sigma <= len(values) else None
        return _of_row(values[0], row), ivar
    return _of_row(values, row), None


def _of_row(values: Numbers, row: int) -> Numbers:
    """Return one spectrum of an image with one or several; an image of one dimension serves all."""
    if values.ndim > 1:
        values = values.reshape(-1, values.shape[-1])
        values = np.asarray(values[chosen(row, len(values), "spectra")])
    return values


def chosen(row: int, there: int, what: str) -> int:
    """Return the number of the spectrum that a row of the catalogue means, among those of a file."""
    if row < 0 and there > 1:
        raise InvalidError(
            f"the file has {there} {what}, and the catalogue does not say which: it needs a column spectrum, which "
            "counts from 0"
        )
    if row >= there:
        raise NotFoundError(f"the catalogue names spectrum {row}, and the file has {there} {what}, counted from 0")
    return max(row, 0)


def _ivar(values: Numbers, kind: str, unit: str = "", flux_unit: str = "") -> F8:
    """Return an inverse variance in the unit of the flux; 0 where the error is 0, negative or not a number."""
    power = POWERS[kind]
    known = np.asarray(values, np.float64) * error_factor(unit, flux_unit, power)
    good = np.isfinite(known) & (known > 0)
    return np.where(good, np.where(good, known, 1.0) ** (-2 / power), 0.0)


def _bad(values: Numbers) -> Flags:
    return np.asarray(values != 0)
