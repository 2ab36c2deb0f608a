"""Colour images from cutouts, by the recipe of the job's table [composites]."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.images import CompositesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.colour import lupton_rgb
from survey_batch.images.resize import resize
from survey_batch.images.scaling import scale_to_percentiles

SLICE_PIXELS = 2**17
"""Pixels of one band processed at a time to bound memory: 32 cutouts of 64 pixels."""


def composite_images(
    flux: npt.NDArray[np.float32], bands: Sequence[str], section: CompositesSection
) -> npt.NDArray[np.uint8]:
    """Compose colour images of objects.

    A pixel without data (NaN) in a band counts as 0 there. So a pixel without data in all three bands is black, a
    missing band leaves its channel black, and an object without any data is all 0.

    Parameters
    ----------
    flux : (n, band, y, x) float32
        Nanomaggies per pixel.
    bands : sequence of str
        Names of the bands of `flux`, in order.
    section : CompositesSection

    Returns
    -------
    (n, y, x, 3) uint8
        Rows and columns as in `flux`, or `section.size` of each. With `section.pair` it is twice as wide: the second
        image is to the right of the first, which is unchanged.

    Raises
    ------
    ConfigurationError
        The recipe asks for a band that `flux` lacks.
    """
    triples = band_indices(bands, section)
    height, width = (section.size or length for length in flux.shape[-2:])
    images = np.empty((len(flux), height, width * len(triples), 3), np.uint8)
    step = max(1, SLICE_PIXELS // max(1, flux.shape[-2] * flux.shape[-1]))
    for start in range(0, len(flux), step):
        part = slice(start, start + step)
        for number, triple in enumerate(triples):
            place = images[part, :, number * width : (number + 1) * width]
            composed = _compose(flux[part][:, triple], section)
            if section.size is None:
                place[...] = composed
            else:
                resize(composed, place)
    return images


def band_indices(bands: Sequence[str], section: CompositesSection) -> list[list[int]]:
    """Find the red, green and blue bands of each image of the recipe among `bands`.

    Raises
    ------
    ConfigurationError
        A band is missing.
    """
    asked = {"bands": section.bands, "pair": section.pair or ""}
    for key, triple in asked.items():
        if lacking := [band for band in triple if band not in bands]:
            raise ConfigurationError(
                f"composites.{key} = {triple!r} asks for band {', '.join(lacking)}, but the cutouts have "
                f"{''.join(bands)!r}; add it to frames.bands, or change composites.{key}"
            )
    return [[list(bands).index(band) for band in triple] for triple in asked.values() if triple]


def _compose(flux: npt.NDArray[np.float32], section: CompositesSection) -> npt.NDArray[np.uint8]:
    """Make one image of each object: (n, 3, y, x) to (n, y, x, 3)."""
    scaled = scale_to_percentiles(flux, section.percentiles) if section.scaling == "percentile" else flux
    return lupton_rgb(scaled, section.linear_stretch, section.q)
