"""Between the pixels of spectra: values at positions, and edges."""

import numpy as np

from survey_batch.core.arrays import F4, F8


def at_pixels(values: F4, pixel: F8) -> F4:
    """Interpolate rows, (…, n), linearly at positions between 0 and n - 1 pixels, (m,); (…, m) float32.

    A position on a pixel takes its value; one between two pixels is missing (NaN) if either is.
    """
    left = np.clip(np.floor(pixel).astype(np.intp), 0, values.shape[-1] - 2)
    share = (pixel - left).astype(np.float32)
    before, after = values[..., left], values[..., left + 1]
    between = (1 - share) * before + share * after
    return np.asarray(np.where(share == 0, before, np.where(share == 1, after, between)))


def pixel_edges(wavelength: F8) -> F8:
    """Return pixel edges, half-way between centres in log wavelength; (n,) to (n + 1,)."""
    centre = np.log(wavelength)
    edges = np.empty(wavelength.size + 1)
    edges[1:-1] = (centre[1:] + centre[:-1]) / 2
    edges[0], edges[-1] = 2 * centre[0] - edges[1], 2 * centre[-1] - edges[-2]
    return np.asarray(np.exp(edges))
