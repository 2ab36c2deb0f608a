"""Exposures of stamps: one FITS file each, `<root>/<exposure>.fits`, with stamps of the stars on it.

HDUs: `FLUX` (star, y, x), the stamps; `IVAR` of the same shape, or `NOISE` (star), the standard deviation of white
noise in each stamp; and a table `STARS` with the columns `OBJECT_ID`, `X` and `Y`, each star's place in the field. A
star's stamp is found by its identifier in that table, never by the place of its row in someone else's.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from survey_batch.archive.spellings import split_ending
from survey_batch.errors import NotFoundError, UnreadableError

STAMPS_CEILING = 2_000_000_000
"""Bytes of a decompressed exposure: 200,000 stamps of 32 pixels on a side with an ivar each."""

_DAMAGE = (OSError, ValueError, TypeError, KeyError, IndexError, fits.VerifyError)
"""What astropy raises for a file that is no exposure."""


@dataclass(frozen=True)
class Exposure:
    """The stamps of one exposure.

    Attributes
    ----------
    flux, ivar : (star, y, x) float32
        Stamps, and the inverse variance of their pixels; 0 where there is no measurement.
    x, y : (star,) float64
        Place in the field.
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
            The exposure has no star of that identifier.
        """
        row = self._rows.get(object_id)
        if row is None:
            raise NotFoundError(
                f"no star {object_id!r} among the {len(self.object_id)} of the exposure's table STARS; see whether the "
                "catalogue names the right exposure"
            )
        return row


def exposure_path(exposure: str) -> str:
    """Name of an exposure's file below the root; the catalogue may give it with its ending."""
    return exposure if split_ending(exposure)[1] else f"{exposure}.fits"


def exposure_key(exposure: str) -> int:
    """Number that stands for an exposure's name in arrays: the first 8 bytes of its SHA-256."""
    return int.from_bytes(hashlib.sha256(exposure.encode()).digest()[:8], "big", signed=True)


def read_exposure(raw: bytes) -> Exposure:
    """Read an exposure.

    Parameters
    ----------
    raw
        The bytes of a FITS file, decompressed.

    Raises
    ------
    UnreadableError
        The file is damaged, or lacks something that an exposure has.
    """
    try:
        with fits.open(io.BytesIO(raw), memmap=False) as units:
            if lacking := [name for name in ("FLUX", "STARS") if name not in units]:
                raise UnreadableError(f"no extension {' nor '.join(lacking)}: not an exposure of stamps")
            flux = np.asarray(units["FLUX"].data, np.float32)
            exposure = Exposure(flux, _ivar(units, flux), *_stars(units["STARS"].data))
    except _DAMAGE as error:
        raise UnreadableError(f"damaged exposure ({len(raw)} bytes): {error}") from error
    _check(exposure)
    return exposure


def _ivar(units: fits.HDUList, flux: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if "IVAR" in units:
        return np.asarray(units["IVAR"].data, np.float32)
    if "NOISE" not in units:
        raise UnreadableError("no extension IVAR nor NOISE: the stamps' noise is not known")
    noise = np.asarray(units["NOISE"].data, np.float64)
    known = np.isfinite(noise) & (noise > 0)
    ivar = np.where(known, np.where(known, noise, 1.0) ** -2.0, 0.0)
    return np.broadcast_to(ivar[:, None, None], flux.shape).astype(np.float32)


def _stars(table: Any) -> tuple[Any, Any, Any]:
    x, y = (np.asarray(table[name], np.float64) for name in ("X", "Y"))
    return x, y, np.array([str(name).strip() for name in table["OBJECT_ID"]], dtype=str)


def _check(exposure: Exposure) -> None:
    stars, shape = len(exposure.object_id), exposure.flux.shape
    if len(shape) != 3 or exposure.ivar.shape != shape or stars != shape[0]:
        raise UnreadableError(
            f"flux {shape}, ivar {exposure.ivar.shape} and {stars} stars do not fit together: "
            "flux and ivar must be (star, y, x)"
        )
    if len(set(exposure.object_id.tolist())) < stars:
        raise UnreadableError("two stars of the table STARS have the same OBJECT_ID: stamps cannot be told apart")
