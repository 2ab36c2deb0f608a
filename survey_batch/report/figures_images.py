"""Example cutouts: all bands on one scale, and a colour image."""

import io

import numpy as np
import numpy.typing as npt
import zarr
from astropy.visualization import make_lupton_rgb
from PIL import Image
from scipy.ndimage import shift

from survey_batch.report.examples import caption, gallery, probabilities
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, picture, section, tag
from survey_batch.report.reading import read_array, stored

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

PANEL = 128
"""Smallest side of a panel in the page's image [pixels]; smaller cutouts are enlarged by a whole number."""
GAP = 6
RGB_BANDS = "irg"
"""Which bands are shown as red, green and blue."""
PAPER = 255


def cutout_section(group: zarr.Group, objects: Objects) -> Html:
    """Make the section with example cutouts."""
    bands = [str(band) for band in read_array(group, "band")]
    return section(
        "Example cutouts",
        *gallery(objects, lambda place: _cutout(group, objects, place, bands), small=len(bands) == 1),
        note="Each object's bands share one asinh scale in nanomaggies, so brightness can be compared between them; "
        f"colour is {', '.join(RGB_BANDS)} as red, green, blue (Lupton et al. 2004) on that scale, shifted by parts of "
        "a pixel onto each other. Hatched: not in the archive.",
    )


def composite_section(group: zarr.Group, objects: Objects) -> Html:
    """Make the section with example composites, as a network sees them except for their size."""
    return section(
        "Example composites",
        *gallery(objects, lambda place: _composite(group, objects, place), small=True),
        note=f"{_recipe(group)}y upwards.",
    )


def stamp_section(group: zarr.Group, objects: Objects) -> Html:
    """Make the section with example stamps of one band."""
    return section(
        "Example stamps",
        *gallery(objects, lambda place: _stamp(group, objects, place), small=True),
        note="Each stamp on an asinh scale of its own, dark on white, with y upwards. Hatched: no data.",
    )


def _recipe(group: zarr.Group) -> str:
    attrs = stored(group, "image").attrs
    return "".join(f"{attrs[key]}; " for key in ("bands", "pair", "recipe", "comment") if key in attrs)


def _composite(group: zarr.Group, objects: Objects, place: int) -> Html:
    image = np.asarray(stored(group, "image")[int(objects.row[place])], np.uint8)
    upright = image if _is_upright(group) else image[::-1]
    times = max(1, -(-PANEL // image.shape[0]))
    large = np.kron(upright, np.ones((times, times, 1), np.uint8))
    return _figure(objects, place, encode(large), f"Composite of {objects.object_id[place]}")


def _stamp(group: zarr.Group, objects: Objects, place: int) -> Html:
    flux = np.asarray(stored(group, "flux")[int(objects.row[place])], np.float32)
    return _figure(
        objects, place, encode(strip_of(flux[None], [""], np.zeros((1, 2)))), f"Stamp of {objects.object_id[place]}"
    )


def _figure(objects: Objects, place: int, png: bytes, description: str, *below: Html) -> Html:
    shown = (caption(objects, place), picture(png, description), *below, *probabilities(objects, place))
    return tag("figure", *shown, class_="example")


def _is_upright(group: zarr.Group) -> bool:
    """Tell whether the first row is at the top: it is in a JPEG; in a frame it is at the bottom."""
    return "orientation" in stored(group, "image").attrs


def _cutout(group: zarr.Group, objects: Objects, place: int, bands: list[str]) -> Html:
    row = int(objects.row[place])
    flux = np.asarray(stored(group, "flux")[row], np.float32)
    labels = [*bands, *([RGB_BANDS] if set(RGB_BANDS) <= set(bands) else [])]
    position = np.stack([np.asarray(stored(group, name)[row]) for name in ("y_object", "x_object")], axis=1)
    description = f"Cutout of {objects.object_id[place]} in the bands {', '.join(labels)}"
    under = tag("div", *(tag("span", label) for label in labels), class_="bands")
    return _figure(objects, place, encode(strip_of(flux, bands, position)), description, under)


def strip_of(flux: Floats, bands: list[str], position: npt.NDArray[np.float64]) -> Pixels:
    """Lay the bands of one object side by side, with a colour image if the bands' names allow it.

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
    (height, width, 3) uint8
    """
    sky, white = scale_of(flux)
    panels = [np.repeat(asinh_grey(band, sky, white)[..., None], 3, axis=-1) for band in flux]
    if set(RGB_BANDS) <= set(bands):
        three = [bands.index(band) for band in RGB_BANDS]
        panels.append(colour(align(flux[three], position[three]), sky, white))
    missing = [~np.isfinite(band) for band in flux]
    missing.append(np.any([missing[bands.index(band)] for band in RGB_BANDS if band in bands], axis=0))
    large = [_enlarge(panel, empty) for panel, empty in zip(panels, missing, strict=False)]
    gap = np.full((large[0].shape[0], GAP, 3), PAPER, np.uint8)
    return np.concatenate([part for panel in large for part in (gap, panel)][1:], axis=1)


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
    softening = 8.0
    red, green, blue = np.nan_to_num(three)
    stretch = max(white / 4, 5 * sky)
    with np.errstate(invalid="ignore"):  # astropy divides by an intensity of 0 in dark pixels, and then uses 0
        made: Pixels = make_lupton_rgb(red, green, blue, minimum=-sky / 2, stretch=stretch, Q=softening)
    return made


def align(flux: Floats, position: npt.NDArray[np.float64]) -> Floats:
    """Shift bands by parts of a pixel (linearly), so that the object lies where it does in the middle band."""
    steps = np.nan_to_num(position[1] - position)
    return np.stack([shift(band, step, order=1, mode="nearest") for band, step in zip(flux, steps, strict=True)])


def _enlarge(panel: Pixels, missing: npt.NDArray[np.bool_]) -> Pixels:
    """Enlarge by a whole number, hatch what is missing, and turn it so that y runs upwards."""
    times = max(1, -(-PANEL // max(panel.shape[:2])))
    big, empty = (np.kron(a, np.ones((times, times, *(1,) * (a.ndim - 2)), a.dtype)) for a in (panel, missing))
    y, x = np.indices(empty.shape)
    hatch = np.where((x + y) % 8 < 2, 214, 244).astype(np.uint8)
    return np.where(empty[..., None], hatch[..., None], big)[::-1]


def encode(image: Pixels) -> bytes:
    """Compress an image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
