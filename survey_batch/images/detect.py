"""Sources on one image: positions, fluxes and shapes, from the library `sep` (Barbary 2016, after SExtractor)."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.core.errors import ConfigurationError

APERTURE_HALF_LIGHT_RADII = 4.0
"""Radius of the flux aperture, which holds 97 % of a Moffat profile with beta 3."""
LARGEST_APERTURE = 40.0
"""Largest radius in pixels, for galaxies and stars with a halo."""
SMALLEST_APERTURE = 4.0
"""Smallest radius in pixels."""
WINDOW_PER_HALF_LIGHT_RADIUS = 2.0 / 2.35
"""Width of the Gaussian window of a centroid (SExtractor's manual, windowed positions)."""
PIXEL_STACK = 2_000_000
"""Most pixels above the threshold in one image; `sep` stops at 300,000 by default."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Sources of one image, the brightest first; (n,) each.

    Attributes
    ----------
    x, y : float64
        Windowed centroid in pixels; 0 is the centre of the first pixel.
    flux, error : float64
        Sum in a circle of four half-light radii, background subtracted, and its error; units of the image.
    a, b : float64
        Semi-axes in pixels: second moments of the pixels above the threshold.
    half_light_radius : float64
        Pixels.
    peak : float64
        Brightest pixel, background subtracted.
    sky : float64
        Background under the source, per pixel.
    flag : uint8
        Bits of `sep`: 1 blended, 2 cut by the edge, 16 aperture cut by the edge, 32 aperture with masked pixels, ….
    """

    x: F8
    y: F8
    flux: F8
    error: F8
    a: F8
    b: F8
    half_light_radius: F8
    peak: F8
    sky: F8
    flag: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: npt.NDArray[Any] | slice) -> "Detections":
        """Select sources by index or mask."""
        return Detections(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def detect(image: F4, sigma: F4, *, threshold: float = 5.0, area: int = 5, mesh: int = 128) -> Detections:
    """Find the sources of an image.

    Parameters
    ----------
    image : (y, x) float32
        Image; pixels that are not finite are masked.
    sigma : (y, x) float32
        Expected noise of each pixel, in the same units. Its median is the sky's noise, which sets the threshold.
    threshold
        Detection threshold of each pixel of a source, in units of the sky's noise.
    area
        Least number of connected pixels above the threshold.
    mesh
        Side of the boxes in which the background is measured, in pixels; much larger than a star.

    Raises
    ------
    ConfigurationError
        `sep` is not installed.
    """
    sep = load_sep()
    mask = ~(np.isfinite(image) & np.isfinite(sigma))
    clean = np.where(mask, np.float32(0), image)
    if mask.all():
        return _empty()
    background = sep.Background(clean, mask=mask, bw=mesh, bh=mesh)
    back = background.back(dtype=np.float32)
    data, noise = clean - back, np.where(mask, np.float32(0), sigma)
    sep.set_extract_pixstack(PIXEL_STACK)
    found = sep.extract(data, threshold * float(np.median(sigma[~mask])), mask=mask, minarea=area)
    return _measure(sep, data, noise, mask, back, found) if len(found) else _empty()


def _measure(sep: Any, data: F4, noise: F4, mask: npt.NDArray[np.bool_], back: F4, found: Any) -> Detections:
    x, y, reach = found["x"], found["y"], np.clip(6.0 * found["a"], SMALLEST_APERTURE, LARGEST_APERTURE)
    radius, _ = sep.flux_radius(data, x, y, reach, 0.5, mask=mask, subpix=5)
    radius = np.where(np.isfinite(radius), radius, np.nan)
    width = np.where(radius > 0.5, radius, 0.5) * WINDOW_PER_HALF_LIGHT_RADIUS
    x_window, y_window, trouble = sep.winpos(data, x, y, width, mask=mask)
    near = (trouble == 0) & (np.hypot(x_window - x, y_window - y) < 2.0)
    x, y = np.where(near, x_window, x), np.where(near, y_window, y)
    aperture = np.clip(APERTURE_HALF_LIGHT_RADII * np.nan_to_num(radius), SMALLEST_APERTURE, LARGEST_APERTURE)
    flux, error, flag = sep.sum_circle(data, x, y, aperture, err=noise, mask=mask, subpix=5)
    row, column = _pixel(y, data.shape[0]), _pixel(x, data.shape[1])
    detections = Detections(
        x, y, flux, error, found["a"], found["b"], radius, found["peak"].astype(np.float64),
        back[row, column].astype(np.float64), ((found["flag"] | flag) & 0xFF).astype(np.uint8),
    )  # fmt: skip
    return detections.take(np.lexsort((detections.x, detections.y, -detections.flux)))


def _pixel(position: F8, length: int) -> npt.NDArray[np.intp]:
    return np.rint(position).clip(0, length - 1).astype(np.intp)


def _empty() -> Detections:
    empty = {field.name: np.empty(0) for field in fields(Detections)}
    return Detections(**{**empty, "flag": np.empty(0, np.uint8)})  # type: ignore[arg-type]


def load_sep() -> Any:
    """Import the library.

    Raises
    ------
    ConfigurationError
        It is not installed; the message names the extra that installs it.
    """
    try:
        import sep
    except ImportError as error:
        raise ConfigurationError(
            'detecting sources needs the package sep: install it with pip install "survey-batch[psf]"'
        ) from error
    return sep
