"""Inverse variances and masks of pixels that an archive gives as images beside the flux."""

import numpy as np

from survey_batch.core.arrays import F4, I4

LAST_BIT = 28
"""Highest bit of a mask that can be an archive's own."""
NO_DATA = 1 << 29
"""Mask bit: there is no pixel, or its flux is not a finite number."""
BAD_IVAR = 1 << 30
"""Mask bit: the inverse variance is not a finite number above 0."""

MASK_BITS = {"no_data": NO_DATA, "bad_ivar": BAD_IVAR}
"""The bits of ours, by the names that those of spectra have."""


def flag(flux: F4, ivar: F4 | None, mask: I4) -> I4:
    """Add the bits `NO_DATA` and `BAD_IVAR` to a mask where they apply; without `ivar`, the first alone."""
    bits = np.where(np.isfinite(flux), 0, NO_DATA)
    if ivar is not None:
        bits |= np.where(np.isfinite(flux) & ~(ivar > 0), BAD_IVAR, 0)
    return np.asarray(mask | bits, np.int32)


def usable_ivar(flux: F4, ivar: F4, mask: I4 | None) -> F4:
    """Return the inverse variance of the pixels that may be used, and 0 for all others.

    Parameters
    ----------
    flux, ivar
        Of one shape.
    mask
        As these; None if there is none.
    """
    good = np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
    if mask is not None:
        good &= mask == 0
    return np.where(good, ivar, np.float32(0))
