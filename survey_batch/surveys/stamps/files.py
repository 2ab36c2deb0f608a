"""Exposures of stamps: one FITS file each, `<root>/<exposure>.fits`, with the stamps of its stars.

HDUs: `FLUX` (star, y, x), the stamps; `IVAR` of the same shape, or `NOISE` (star), the standard deviation of white
noise in each stamp; and a table `STARS` with the columns `OBJECT_ID`, `X` and `Y`, each star's position in the field. A
star's stamp is found by its identifier in that table, never by its row number in another table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import Unit, extensions, primary_unit
from survey_batch.archive.spellings import split_ending
from survey_batch.core.errors import NotFoundError, UnreadableError

STAMPS_CEILING = 2_000_000_000
"""Most bytes of a decompressed exposure: 200,000 stamps of 32 pixels on a side, each with an ivar."""


@dataclass(frozen=True)
class Exposure:
    """The stamps of one exposure.

    Attributes
    ----------
    flux, ivar : (star, y, x) float32
        Stamps, and the inverse variance of their pixels; 0 where there is no measurement.
    x, y : (star,) float64
        Position in the field.
    object_id : (star,) str
    """

    flux: npt.NDArray[np.float32]
    ivar: npt.NDArray[np.float32]
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    object_id: npt.NDArray[np.str_]

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {str(name): row for row, name in enumerate(self.object_id)}

    def row_of(self, object_id: str) -> int:
        """Find a star's row.

        Raises
        ------
        NotFoundError
            The exposure has no star with that identifier.
        """
        row = self._rows.get(object_id)
        if row is None:
            raise NotFoundError(
                f"no star {object_id!r} among the {len(self.object_id)} of the exposure's table STARS; check that the "
                "catalogue names the right exposure"
            )
        return row


def exposure_path(exposure: str) -> str:
    """Return the name of an exposure's file below the root; the catalogue may give it with its ending."""
    return exposure if split_ending(exposure)[1] else f"{exposure}.fits"


def read_exposure(raw: bytes) -> Exposure:
    """Read an exposure.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.

    Raises
    ------
    UnreadableError
        The file is damaged, or lacks a part of an exposure.
    """
    primary = primary_unit(raw)
    named = {(unit.value("EXTNAME") or "").upper(): unit for unit in reversed([primary, *extensions(primary)])}
    if lacking := [name for name in ("FLUX", "STARS") if name not in named]:
        raise UnreadableError(f"no extension {' or '.join(lacking)}: not an exposure of stamps")
    with np.errstate(all="ignore"):  # numbers too large for float32
        flux = _image(named["FLUX"])
        exposure = Exposure(flux, _ivar(named, flux), *_stars(named["STARS"]))
    _check(exposure)
    measured = np.isfinite(flux) & np.isfinite(exposure.ivar) & (exposure.ivar > 0)
    return replace(exposure, ivar=np.where(measured, exposure.ivar, np.float32(0)))


def _image(unit: Unit) -> npt.NDArray[np.float32]:
    if unit.value("ZIMAGE") == "T":
        raise UnreadableError(f"extension {unit.value('EXTNAME')} is a compressed image: unpack the file with funpack")
    return unit.numbers().astype(np.float32)


def _ivar(named: Mapping[str, Unit], flux: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if "IVAR" in named:
        return _image(named["IVAR"])
    if "NOISE" not in named:
        raise UnreadableError("no extension IVAR or NOISE: the stamps' noise is not known")
    noise = named["NOISE"].numbers().astype(np.float64)
    if flux.ndim != 3 or noise.shape != flux.shape[:1]:
        raise UnreadableError(f"flux {flux.shape} and noise {noise.shape} do not fit together: noise must be (star)")
    known = np.isfinite(noise) & (noise > 0)
    ivar = np.where(known, np.where(known, noise, 1.0) ** -2.0, 0.0)
    return np.broadcast_to(ivar[:, None, None], flux.shape).astype(np.float32)


def _stars(table: Unit) -> tuple[Any, Any, Any]:
    x, y = (table.column(name, nulls=True) for name in ("X", "Y"))
    names = table.column("OBJECT_ID")
    if x.dtype.kind not in "iuf" or y.dtype.kind not in "iuf" or max(x.ndim, y.ndim, names.ndim) > 1:
        raise UnreadableError("the columns X, Y and OBJECT_ID of the table STARS must hold one value for each star")
    texts = [name.decode("ascii", "replace") if isinstance(name, bytes) else str(name) for name in names.tolist()]
    return x.astype(np.float64), y.astype(np.float64), np.array([text.strip() for text in texts], dtype=str)


def _check(exposure: Exposure) -> None:
    stars, shape = len(exposure.object_id), exposure.flux.shape
    if len(shape) != 3 or exposure.ivar.shape != shape or stars != shape[0]:
        raise UnreadableError(
            f"flux {shape}, ivar {exposure.ivar.shape} and {stars} stars do not fit together: "
            "flux and ivar must be (star, y, x)"
        )
    if len(set(exposure.object_id.tolist())) < stars:
        raise UnreadableError("two stars of the table STARS have the same OBJECT_ID: stamps cannot be told apart")
