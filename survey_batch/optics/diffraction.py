"""Diffraction by a space telescope with a wavefront error: monochromatic and polychromatic point-spread functions.

The telescope is Euclid-like, as Centofanti et al. (2025, A&A 694, A228) simulate it with WaveDiff: a stop of 1.2 m
with a central obscuration and three spiders, a focal length of 24.5 m, pixels of 12 um, and the VIS band from 550 to
900 nm in eight bins. The image of a point is the squared modulus of the Fourier transform of the pupil's field. Only
the middle of the transform is needed, so it is computed with two small matrices instead of an FFT of all N x N points
(Soummer et al. 2007, Opt. Express 15, 15935). The wavelengths are those at which the two agree exactly: N is an even
integer.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter

from survey_batch.core.arrays import F4, F8

STOP_MM, FOCAL_LENGTH_M, PIXEL_UM = 1200.0, 24.5, 12.0
OBSCURATION_MM = (395.0, 0.0, 51.0)
"""Diameter of the central obscuration, and its centre x, y [mm]."""
SPIDERS = ((16.78, 260.0, 240.0), (-39.89, -330.0, 130.0), (-100.76, 70.0, -330.0))
"""Angle [deg] and centre x, y [mm] of each spider."""
SPIDER_MM = (12.0, 700.0)
BAND_NM = (550.0, 900.0)

OVERSAMPLING = 3
"""Points of the transform per stamp pixel, along each axis."""
BATCH_PIXELS = 1 << 20
"""Pupil points in memory at one time: a few stars."""


@dataclass(frozen=True)
class Optics:
    """Sampling of pupil, spectrum and stamp; the defaults are the published values.

    Attributes
    ----------
    pupil_pixels : int
        Samples across the pupil.
    bins : int
        Number of wavelengths.
    order : int
        Highest radial order of the Zernike modes; 8 gives 45 modes.
    stamp : int
        Pixels on a side of the stamp.
    margin : int
        Additional pixels around the stamp in `planes`.
    """

    pupil_pixels: int = 256
    bins: int = 8
    order: int = 8
    stamp: int = 32
    margin: int = 3

    @cached_property
    def transform_sizes(self) -> npt.NDArray[np.int64]:
        """Points on a side, N, of the Fourier transform at each wavelength: the even number below the bin's centre."""
        edges = np.linspace(*BAND_NM, self.bins + 1)
        centres = (edges[1:] + edges[:-1]) / 2
        exact = OVERSAMPLING * self.pupil_pixels * centres / self._nm_per_ratio
        return (exact // 2 * 2).astype(np.int64)

    @cached_property
    def wavelengths(self) -> F8:
        """Wavelengths [nm] whose transforms have an even number of points."""
        return self._nm_per_ratio * self.transform_sizes / (OVERSAMPLING * self.pupil_pixels)

    @property
    def _nm_per_ratio(self) -> float:
        """Wavelength at which one pixel is one diffraction width, lambda / D."""
        return 1e3 * PIXEL_UM * STOP_MM / (1e3 * FOCAL_LENGTH_M)

    @cached_property
    def pupil(self) -> F4:
        """Transmission of the pupil (y, x), 0 to 1; its edges are softened by two pixels."""
        axis = np.linspace(-STOP_MM / 2, STOP_MM / 2, self.pupil_pixels)
        x, y = np.meshgrid(axis, axis)
        diameter, x_centre, y_centre = OBSCURATION_MM
        clear = np.hypot(x, y) <= STOP_MM / 2
        clear &= np.hypot(x - x_centre, y - y_centre) > diameter / 2
        for angle, x_spider, y_spider in SPIDERS:
            cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            along = (x - x_spider) * cos + (y - y_spider) * sin
            across = (y - y_spider) * cos - (x - x_spider) * sin
            clear &= (np.abs(across) > SPIDER_MM[0] / 2) | (np.abs(along) > SPIDER_MM[1] / 2)
        return np.asarray(uniform_filter(clear.astype(np.float64), size=2, mode="constant"), np.float32)

    @cached_property
    def zernikes(self) -> F4:
        """Zernike modes over the pupil (mode, y, x), of unit variance over the disc."""
        return zernike_modes(self.order, self.pupil_pixels).astype(np.float32)

    @cached_property
    def tilt_per_pixel(self) -> float:
        """Coefficient of a tilt mode [um] that moves the image by one pixel."""
        slope = 1e-3 * OVERSAMPLING * self.wavelengths[0] / self.transform_sizes[0]  # um of path per sample and pixel
        return float(slope * (self.pupil_pixels - 1) / 2 / 2)  # a tilt mode is 2 rho cos(theta) (Noll 1976, table 1)

    @cached_property
    def _transforms(self) -> list[npt.NDArray[np.complex64]]:
        """Matrix (plane, pupil) of the Fourier transform along one axis, for each wavelength."""
        half = OVERSAMPLING * (self.stamp // 2 + self.margin)
        image, pupil = np.arange(-half, half), np.arange(self.pupil_pixels) - (self.pupil_pixels - 1) / 2
        return [
            np.exp(-2j * np.pi * np.outer(image, pupil) / size).astype(np.complex64) for size in self.transform_sizes
        ]

    def planes(self, coefficients: F8) -> F4:
        """Compute oversampled monochromatic point-spread functions, with a margin around the stamp.

        Parameters
        ----------
        coefficients : (star, mode) float
            Zernike coefficients of the wavefront error [um].

        Returns
        -------
        (star, wavelength, y, x) float32
            3 (stamp + 2 margin) points on a side; each sums to 1 over the stamp. A star's planes depend only on its own
            coefficients, to the last bit.
        """
        side = 2 * OVERSAMPLING * (self.stamp // 2 + self.margin)
        planes = np.empty((len(coefficients), self.bins, side, side), np.float32)
        step = max(1, BATCH_PIXELS // self.pupil_pixels**2)
        for first in range(0, len(coefficients), step):
            self._fill(planes[first : first + step], np.asarray(coefficients[first : first + step], np.float32))
        return planes

    def _fill(self, planes: F4, coefficients: F4) -> None:
        modes = self.zernikes.reshape(coefficients.shape[1], -1)
        path = (coefficients[:, None, :] @ modes).reshape(-1, self.pupil_pixels, self.pupil_pixels)
        field = np.empty(path.shape, np.complex64)
        for number, (wavelength, transform) in enumerate(zip(self.wavelengths, self._transforms, strict=True)):
            phase = path * np.float32(2e3 * np.pi / wavelength)
            field.real, field.imag = self.pupil * np.cos(phase), self.pupil * np.sin(phase)
            image = transform @ field @ transform.T
            planes[:, number] = image.real**2 + image.imag**2
        edge = OVERSAMPLING * self.margin
        inside = planes[..., edge : planes.shape[-1] - edge, edge : planes.shape[-1] - edge]
        planes /= inside.sum(axis=(-2, -1), keepdims=True)

    def stamps(self, planes: F4) -> F4:
        """Sum planes over the pixels of the stamp: (..., y, x); each has unit sum if its plane does."""
        edge = OVERSAMPLING * self.margin
        inside = planes[..., edge : planes.shape[-1] - edge, edge : planes.shape[-1] - edge]
        return bin_pixels(inside, OVERSAMPLING)

    def bin_weights(self, seds: F8, wavelengths: F8) -> F8:
        """Compute the share of each wavelength in the light of each spectrum.

        Parameters
        ----------
        seds : (class, wavelength) float
            Photon spectra on a grid of wavelengths.
        wavelengths : (wavelength,) float
            The grid [nm].

        Returns
        -------
        (class, bin) float64
            Sums over the bins, interpolated by a cubic spline to `self.wavelengths`; rows sum to 1.
        """
        edges = np.linspace(*BAND_NM, self.bins + 1)
        bin_index = np.clip(np.searchsorted(edges, wavelengths, side="right") - 1, 0, self.bins - 1)
        sums = np.stack([seds[:, bin_index == number].sum(axis=1) for number in range(self.bins)], axis=1)
        shares = CubicSpline((edges[1:] + edges[:-1]) / 2, sums, axis=1)(self.wavelengths)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)


def bin_pixels(image: npt.NDArray[Any], factor: int) -> npt.NDArray[Any]:
    """Sum blocks of factor x factor pixels of images (..., y, x)."""
    *rest, rows, columns = image.shape
    blocks = image.reshape(*rest, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.sum(axis=(-3, -1)))


@lru_cache(maxsize=2)
def zernike_modes(order: int, pixels: int) -> F8:
    """Compute Zernike polynomials up to a radial order, of unit variance on the disc (Noll 1976, JOSA 66, 207).

    Parameters
    ----------
    order : int
        Highest radial order n.
    pixels : int
        Samples across the disc.

    Returns
    -------
    (mode, y, x) float64
        (order + 1)(order + 2) / 2 modes, by n, then m from -n to n; sines for m < 0. They continue for two samples
        outside the disc, over which a pupil's edge is softened, and are 0 beyond.
    """
    axis = np.linspace(-1, 1, pixels)
    x, y = np.meshgrid(axis, axis)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    modes = [_zernike(n, m, radius, angle) for n in range(order + 1) for m in range(-n, n + 1, 2)]
    return np.where(radius <= 1 + 4 / pixels, np.array(modes), 0)


def _zernike(n: int, m: int, radius: F8, angle: F8) -> F8:
    azimuth = np.cos(m * angle) if m >= 0 else np.sin(-m * angle)
    radial = np.zeros_like(radius)
    for k in range((n - abs(m)) // 2 + 1):
        below = factorial(k) * factorial((n + abs(m)) // 2 - k) * factorial((n - abs(m)) // 2 - k)
        radial += (-1) ** k * factorial(n - k) / below * radius ** (n - 2 * k)
    return np.asarray(np.sqrt((n + 1) * (2 if m else 1)) * radial * azimuth)
