"""Statistics of blocks of neighbouring pixels."""

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError

STATISTICS = ("mean", "scatter", "min", "max")


def block_edges(pixels: int, blocks: int) -> npt.NDArray[np.intp]:
    """Return the edges of blocks of equal size to within one pixel, (blocks + 1,); none is empty.

    Raises
    ------
    ConfigurationError
        There are more blocks than pixels.
    """
    if not 1 <= blocks <= pixels:
        raise ConfigurationError(
            f"spectral_features.blocks is {blocks}, but a spectrum has {pixels} pixels; use 1 to {pixels}, or 0 for "
            "none"
        )
    return np.asarray(np.arange(blocks + 1, dtype=np.intp) * pixels // blocks)


def block_statistics(values: npt.NDArray[np.floating], blocks: int) -> npt.NDArray[np.float64]:
    """Compute the mean, scatter, minimum and maximum of each block of each row.

    Parameters
    ----------
    values
        (object, wavelength); a NaN makes its block's statistics NaN.
    blocks
        Number of blocks.

    Returns
    -------
    (object, blocks, 4) float64
        In the order of `STATISTICS`; the scatter is the standard deviation.
    """
    edges = block_edges(values.shape[1], blocks)
    starts, sizes = edges[:-1], np.diff(edges)
    precise = values.astype(np.float64)
    mean = np.add.reduceat(precise, starts, axis=1) / sizes
    precise -= np.repeat(mean, sizes, axis=1)
    np.square(precise, out=precise)
    scatter = np.sqrt(np.add.reduceat(precise, starts, axis=1) / sizes)
    # The extremes are values of the row: they need no more digits than it has.
    low, high = (extreme.reduceat(values, starts, axis=1) for extreme in (np.minimum, np.maximum))
    return np.stack([mean, scatter, low, high], axis=-1)
