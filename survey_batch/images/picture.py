"""Pictures of cutouts for people: bands in grey on one scale, and three of them in colour."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

RGB_BANDS = "irg"
"""Which bands are shown as red, green and blue."""
Panel = tuple[str, Pixels]
"""Name and pixels, with y upwards."""


def panels_of(flux: Floats, bands: list[str], position: npt.NDArray[np.float64]) -> list[Panel]:
    """Draw the bands of one object, and a colour image if the bands' names allow it, pixel by pixel.

    Parameters
    ----------
    flux : (band, y, x) float32
        NaN where there is no pixel.
    bands : list of str
    position : (band, 2) float64
        The object's (y, x) in each band. Windows are whole pixels, so it differs by a part of a pixel. Only in the
        colour image are the bands shifted by that part.

    Returns
    -------
    list of (name, (y, x, 3) uint8)
    """
    sky, white = scale_of(flux)
    missing = ~np.isfinite(flux)
    panels = [
        (name, _hatched(np.repeat(asinh_grey(band, sky, white)[..., None], 3, axis=-1), empty))
        for name, band, empty in zip(bands, flux, missing, strict=True)
    ]
    if set(RGB_BANDS) <= set(bands):
        three = [bands.index(band) for band in RGB_BANDS]
        drawn = colour(align(flux[three], position[three]), sky, white)
        panels.append((RGB_BANDS, _hatched(drawn, np.asarray(missing[three].any(axis=0)))))
    return panels


def scale_of(flux: Floats) -> tuple[float, float]:
    """Find one scale for all bands [nanomaggies]: the scatter of the sky, and the flux shown at full strength.

    The sky's scatter is the mean over bands of 1.4826 times the median absolute deviation.
    """
    real = [band[np.isfinite(band)] for band in flux if np.isfinite(band).any()]
    if not real:
        return 1.0, 10.0
    sky = float(np.mean([1.4826 * np.median(np.abs(band - np.median(band))) for band in real])) or 1e-3
    return sky, max(float(np.percentile(np.concatenate(real), 99.8)), 10 * sky)


def asinh_grey(image: Floats, sky: float, white: float) -> Pixels:
    """Draw dark on white, from -0.75 times the sky's scatter to `white`: linear near the sky, logarithmic above."""
    stretched = np.arcsinh(image / (3 * sky))
    low, high = np.arcsinh(-0.25), np.arcsinh(white / (3 * sky))
    return np.asarray(255 * (1 - np.nan_to_num((stretched - low) / (high - low)).clip(0, 1)), np.uint8)


def colour(three: Floats, sky: float, white: float) -> Pixels:
    """Make colour from three bands on one scale: intensity is stretched, ratios of fluxes are kept."""
    from astropy.visualization import make_lupton_rgb  # a page about spectra shows no images, and needs no astropy

    softening = 8.0
    red, green, blue = np.nan_to_num(three)
    stretch = max(white / 4, 5 * sky)
    with np.errstate(invalid="ignore"):  # astropy divides by an intensity of 0 in dark pixels, and then uses 0
        made: Pixels = make_lupton_rgb(red, green, blue, minimum=-sky / 2, stretch=stretch, Q=softening)
    return made


def align(flux: Floats, position: npt.NDArray[np.float64]) -> Floats:
    """Shift bands by parts of a pixel (linearly), so that the object lies where it does in the middle band."""
    from scipy.ndimage import shift  # as above

    steps = np.nan_to_num(position[1] - position)
    return np.stack([shift(band, step, order=1, mode="nearest") for band, step in zip(flux, steps, strict=True)])


def _hatched(panel: Pixels, missing: npt.NDArray[np.bool_]) -> Pixels:
    """Hatch what is missing, and turn the panel so that y runs upwards."""
    y, x = np.indices(missing.shape)
    hatch = np.where((x + y) % 8 < 2, 196, 244).astype(np.uint8)
    return np.where(missing[..., None], hatch[..., None], panel)[::-1]
