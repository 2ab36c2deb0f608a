"""Images of FITS files that may be compressed in tiles (FITS standard 4.0, section 10)."""

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.archive.fits_units import BLOCK, CARD, Unit
from survey_batch.core.errors import UnreadableError

_PRIMARY = "".join(
    f"{card:<{CARD}}" for card in ("SIMPLE  =                    T", "BITPIX  = 8", "NAXIS   = 0", "END")
)


def image(unit: Unit) -> npt.NDArray[Any]:
    """Return a unit's image in physical values, in native byte order or as stored, compressed or not.

    Raises
    ------
    UnreadableError
        The unit is damaged.
    """
    if unit.value("ZIMAGE") != "T":
        return unit.numbers()
    whole = unit.raw[unit.begin : unit.data + -(-unit.nbytes // BLOCK) * BLOCK]
    from astropy.io import fits

    try:
        with fits.open(io.BytesIO(_PRIMARY.ljust(BLOCK).encode() + whole)) as file:
            return np.asarray(file[1].data)
    except Exception as error:  # astropy raises errors of any kind on damaged tiles
        raise UnreadableError(
            f"the compressed image {unit.value('EXTNAME') or ''} cannot be unpacked: {type(error).__name__}: {error}"
        ) from error
