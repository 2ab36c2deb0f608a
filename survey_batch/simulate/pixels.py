"""Pixels of a drift scan: sources as mixtures of Gaussians, sky, noise and the survey's rounding."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8
from survey_batch.simulate.sky import Population
from survey_batch.simulate.strip import BAND_OFFSETS, Strip
from survey_batch.surveys.sdss.camera import ccd

BANDS = "ugriz"
NOISE_ROWS = 128
"""Number of strip rows whose noise comes from one seed, so that fields agree where they overlap."""
SKY_RESIDUAL = 1e-5
"""Error of a frame's sky in nanomaggies."""
LARGEST_STAMP = 300
"""Distance from a source's centre, in pixels, beyond which its light is dropped."""

EXPONENTIAL = (
    (2.34853813e-03, 3.07995260e-02, 2.23364214e-01, 1.17949102e00, 4.33873750e00, 5.99820770e00),
    (1.20078965e-03, 8.84526493e-03, 3.91463084e-02, 1.39976817e-01, 4.60962500e-01, 1.50159566e00),
)
DE_VAUCOULEURS = (
    (0.0426347652, 0.240127183, 0.685907632, 1.51937350, 2.83627243, 4.46467501, 5.72440830, 5.60989349),
    (
        2.23759216e-4,
        1.00220099e-3,
        4.18731126e-3,
        1.69432589e-2,
        6.84850479e-2,
        0.287207080,
        1.33320254,
        8.40215071,
    ),
)
"""Weights, and variances in squared half-light radii, of the Gaussians that make up a profile
(Hogg & Lang 2013, PASP 125, 719)."""


@dataclass(frozen=True)
class Detector:
    """One CCD of the camera."""

    nanomaggy_per_count: float
    sky: float
    """Counts per pixel."""
    seeing: float
    """Full width at half maximum in pixels."""


DETECTORS = {
    "u": Detector(0.00948, 21.6, 3.9),
    "g": Detector(0.00377, 73.2, 3.6),
    "r": Detector(0.00496, 136.9, 3.3),
    "i": Detector(0.00636, 185.9, 3.1),
    "z": Detector(0.03644, 98.9, 3.2),
}
"""Calibration, sky and seeing of field 2820-3-0122. With the gain and dark variance of its CCDs they reproduce the
noise of that field to within 6 percent."""

PSF_WEIGHTS = np.array([0.86, 0.12, 0.02])
PSF_WIDTHS = np.array([1.0, 2.4, 6.0])
"""Weights, and widths in units of the core's, of a double Gaussian with a faint wing (Stoughton et al. 2002)."""


def calibration_vector(band: str, columns: int) -> F4:
    """Compute nanomaggies per count of each column: a flat field that varies by half a percent."""
    x = np.linspace(-1, 1, columns)
    wave = 0.003 * np.cos(2.3 * x + ord(band)) + 0.001 * x
    return (DETECTORS[band].nanomaggy_per_count * (1 + wave)).astype(np.float32)


def sky_counts(strip: Strip, rows: range, band: str) -> F4:
    """Make the sky of strip rows in counts per pixel: a slow change along the strip, a 0.2 percent bend across it."""
    row = np.array(rows)
    along = 1e-3 * np.sin(row / 700) + 3e-4 * np.sin(row / 130)
    across = 2e-3 * np.linspace(-1, 1, strip.shape[1]) ** 2
    return (DETECTORS[band].sky * (1 + along[:, None] + across)).astype(np.float32)


def frame_pixels(strip: Strip, population: Population, field: int, band: str, seed: int) -> F4:
    """Make the pixels of one frame: nanomaggies, sky subtracted, rounded to 10 binary digits as the survey does.

    Counts are whole numbers, the same in the overlap of two fields. Each frame's own sky is subtracted; only its
    residual differs in the overlap.

    Returns
    -------
    (rows, columns) float32
    """
    rng = np.random.default_rng([seed, strip.run, strip.camcol, field, ord(band), 1])
    residual = SKY_RESIDUAL * rng.standard_normal()
    return truncate(_pixels(strip, population, strip.rows_of(field), band, seed) + np.float32(residual))


def strip_pixels(strip: Strip, population: Population, band: str, seed: int) -> F4:
    """Make the pixels of the whole strip before it is cut into frames: the truth for windows across a seam.

    A frame differs from its part of the strip by its sky residual and by rounding.

    Returns
    -------
    (strip.rows, columns) float32
    """
    return _pixels(strip, population, range(strip.first_row, strip.first_row + strip.rows), band, seed)


def _pixels(strip: Strip, population: Population, rows: range, band: str, seed: int) -> F4:
    calibration = calibration_vector(band, strip.shape[1])
    sky = sky_counts(strip, rows, band)
    counts = _source_light(strip, population, rows, band) / calibration + sky
    gain, dark_variance = ccd(strip.run, strip.camcol, band)
    variance = counts / gain + dark_variance
    counts = np.rint(counts + np.sqrt(variance) * _unit_noise(strip, rows, band, seed))
    pixels: F4 = (counts - sky) * calibration
    return pixels


def truncate(values: F4) -> F4:
    """Round to 10 binary digits, including the leading one: otherwise digits of pure noise would fill the file."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(1 << 13)) & np.uint32(0xFFFFC000)).view(np.float32)


def _unit_noise(strip: Strip, rows: range, band: str, seed: int) -> F4:
    """Draw standard normal deviates that belong to strip rows, not to fields."""
    begin, end = rows.start // NOISE_ROWS, -(-rows.stop // NOISE_ROWS)
    keys = ([seed, strip.run, strip.camcol, block, ord(band)] for block in range(begin, end))
    size = (NOISE_ROWS, strip.shape[1])
    blocks = [np.random.default_rng(key).standard_normal(size, np.float32) for key in keys]
    skip = rows.start - begin * NOISE_ROWS
    return np.concatenate(blocks)[skip : skip + len(rows)]


def _source_light(strip: Strip, population: Population, rows: range, band: str) -> F4:
    """Add up the light of all sources in strip rows, nanomaggies per pixel."""
    down, across = BAND_OFFSETS[band]
    y = population.row - rows.start + down
    x = population.column + across
    flux = 10 ** (0.4 * (22.5 - population.magnitude[:, BANDS.index(band)]))
    image = np.zeros((len(rows), strip.shape[1]), np.float32)
    gain = ccd(strip.run, strip.camcol, band).gain
    noise = DETECTORS[band].nanomaggy_per_count * np.sqrt(DETECTORS[band].sky / gain)
    for i in np.flatnonzero((y > -LARGEST_STAMP) & (y < len(rows) + LARGEST_STAMP)):
        weights, covariances = _mixture(population, int(i), DETECTORS[band].seeing)
        _add_source(image, y[i], x[i], flux[i] * weights, covariances, 0.02 * noise)
    return image


def _mixture(population: Population, i: int, seeing: float) -> tuple[F8, F8]:
    """Compute weights (k,) and covariances (k, 2, 2) in x, y of one source's Gaussians, seeing included."""
    psf = (PSF_WIDTHS * seeing / 2.3548) ** 2
    if not population.galaxy[i]:
        return PSF_WEIGHTS, psf[:, None, None] * np.eye(2)
    amplitudes, variances = (np.array(part) for part in (DE_VAUCOULEURS if population.bulge[i] else EXPONENTIAL))
    turn = _rotation(population.angle[i])
    shape = turn @ np.diag([1.0, population.axis_ratio[i] ** 2]) @ turn.T * population.radius[i] ** 2
    weights = np.outer(amplitudes / amplitudes.sum(), PSF_WEIGHTS).ravel()
    covariances = variances[:, None, None, None] * shape + psf[:, None, None] * np.eye(2)
    return weights, covariances.reshape(-1, 2, 2)


def _rotation(angle: float) -> F8:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def _add_source(image: F4, y: float, x: float, weights: F8, covariances: F8, faintest: float) -> None:
    """Add a mixture of Gaussians, out to where it falls below `faintest` per pixel."""
    peaks = weights / (2 * np.pi * np.sqrt(np.linalg.det(covariances)))
    widest = np.trace(covariances, axis1=1, axis2=2)
    reach = np.sqrt(2 * widest * np.log(np.maximum(peaks / faintest, 1.0))).max(initial=0.0)
    half = min(int(np.ceil(reach)) + 2, LARGEST_STAMP)
    rows = _window(y, half, image.shape[0])
    columns = _window(x, half, image.shape[1])
    if rows.size == 0 or columns.size == 0:
        return
    dy, dx = (rows - y)[:, None], (columns - x)[None, :]
    light = np.zeros((rows.size, columns.size))
    for peak, precision in zip(peaks, np.linalg.inv(covariances), strict=True):
        square = precision[0, 0] * dx**2 + 2 * precision[0, 1] * dx * dy + precision[1, 1] * dy**2
        light += peak * np.exp(-square / 2)
    image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += light.astype(np.float32)


def _window(centre: float, half: int, size: int) -> npt.NDArray[np.int64]:
    middle = round(centre)
    return np.arange(max(middle - half, 0), min(middle + half + 1, size))
