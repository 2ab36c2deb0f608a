"""Files of LAMOST medium-resolution spectra: the coadded spectra of the blue and the red arm.

The tables `COADD_B` and `COADD_R` hold one arm each; tables of single exposures (`B-84420148`) are not used. Names of
columns decide how a table is read, never a release:

a. `LOGLAM` (log10 of the wavelength), one number in each row;
b. `WAVELENGTH` [Angstrom], vectors in a single row.

Either may come in the shape of the other. Both have FLUX, IVAR and ORMASK, and some ANDMASK.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import Unit, extensions
from survey_batch.core.arrays import F4, F8, I4
from survey_batch.core.errors import UnreadableError
from survey_batch.spectra.checks import increasing
from survey_batch.spectra.grid import Spectrum
from survey_batch.surveys.lamost.files import checked_header, mask_bits

ARMS = ("COADD_B", "COADD_R")
"""Tables of the arms, from blue to red."""

NEEDED = (("FLUX",), ("IVAR",), ("ANDMASK", "ORMASK"), ("WAVELENGTH", "LOGLAM"))
"""Columns of a table; of alternatives, the first that it has."""


class Arm(NamedTuple):
    """One arm's spectrum, (pixel,) each; wavelengths [Angstrom, vacuum] increase."""

    wavelength: F8
    flux: F4
    ivar: F4
    mask: I4


def read_spectrum(raw: bytes, row: Mapping[str, object] | None = None) -> Spectrum:
    """Read the coadded spectrum of both arms, or of the one that there is, and check that it belongs to the object.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.
    row
        The object's catalogue row, compared with the header as for low resolution.

    Returns
    -------
    Spectrum
        The arms one after the other (see `join`).

    Raises
    ------
    UnreadableError
        The bytes are not such a file, are cut short, hold another object, or contradict themselves.
    """
    primary = checked_header(raw, row or {})
    units = extensions(primary)
    named = {(unit.value("EXTNAME") or "").upper(): unit for unit in reversed(units)}
    if primary.shape or "COADD" in named:
        raise UnreadableError(
            "a low-resolution spectrum, another instrument mode: remove it from the catalogue, and give such spectra a "
            'job with survey = "lamost"'
        )
    with np.errstate(all="ignore"):  # the grid flags values that are not finite or overflow
        arms = [arm for name in ARMS if name in named and (arm := _arm(name, named[name])) is not None]
        if not arms:
            raise UnreadableError(
                f"no coadded spectrum of either arm: no rows in a table {' or '.join(ARMS)}; the extensions are "
                f"{', '.join(named) or 'none'}"
            )
        return join(arms)


def _arm(name: str, table: Unit) -> Arm | None:
    """Read one arm; None if its table has no rows."""
    rows = table.rows()
    columns = {column.upper(): column for column in rows.dtype.names or ()}
    chosen = [next((column for column in choice if column in columns), "") for choice in NEEDED]
    if lacking := [" or ".join(choice) for choice, column in zip(NEEDED, chosen, strict=True) if not column]:
        raise UnreadableError(f"table {name} has no column {', '.join(lacking)}; it has {', '.join([*columns][:20])}")
    if not len(rows):
        return None
    found = {column: _numbers(name, table, columns[column], rows) for column in chosen}
    axis = chosen[-1]
    if len({values.size for values in found.values()}) > 1 or found[axis].size < 2:
        sizes = ", ".join(f"{values.size} of {column}" for column, values in found.items())
        raise UnreadableError(f"columns of table {name} differ in length, or have less than two pixels: {sizes}")
    wavelength = found[axis].astype(np.float64)
    wavelength = 10**wavelength if axis == "LOGLAM" else wavelength
    order = np.argsort(wavelength, kind="stable")
    if not increasing(wavelength[order]):
        raise UnreadableError(f"the wavelengths of table {name} (column {axis}) are not different positive numbers")
    flux, ivar, mask = (found[column][order] for column in chosen[:-1])
    return Arm(wavelength[order], flux.astype(np.float32), ivar.astype(np.float32), mask_bits(mask))


def _numbers(name: str, table: Unit, column: str, rows: npt.NDArray[np.void]) -> npt.NDArray[Any]:
    """Return a column's numbers in one dimension, from many rows or from the vector of a single one."""
    values = table.physical(column, rows)
    if values.ndim == 2 and len(values) == 1:
        values = values[0]
    if values.ndim != 1 or values.dtype.kind not in "iufb":
        raise UnreadableError(
            f"column {column} of table {name} holds neither a number in each row nor one row of numbers "
            f"({values.dtype}, {values.shape})"
        )
    return values


def join(arms: Sequence[Arm]) -> Spectrum:
    """Put the blue and the red arm one after the other.

    A pixel without data ends the blue arm, and another begins the red one: so nothing is put into the gap between them.

    Raises
    ------
    UnreadableError
        The red arm begins before the blue one ends.
    """
    if len(arms) == 1:
        return _spectrum(arms)
    blue, red = arms
    # Pixels are equal steps in log wavelength.
    end, begin = blue.wavelength[-1] ** 2 / blue.wavelength[-2], red.wavelength[0] ** 2 / red.wavelength[1]
    if not blue.wavelength[-1] < end < begin < red.wavelength[0]:
        raise UnreadableError(
            f"the arms overlap: blue ends at {blue.wavelength[-1]:.2f} Angstrom, red begins at {red.wavelength[0]:.2f}"
        )
    none = np.array([np.nan, np.nan], np.float32)
    return _spectrum([blue, Arm(np.array([end, begin]), none, np.zeros_like(none), np.zeros(2, np.int32)), red])


def _spectrum(arms: Sequence[Arm]) -> Spectrum:
    wavelength, flux, ivar, mask = (np.concatenate(parts) for parts in zip(*arms, strict=True))
    return Spectrum(flux, ivar, mask, np.nan, wavelength)
