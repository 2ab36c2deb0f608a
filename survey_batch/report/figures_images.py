"""Example cutouts, composites and stamps: all bands on one scale, and a colour image, pixel by pixel."""

import numpy as np
import numpy.typing as npt
import zarr
from astropy.visualization import make_lupton_rgb
from scipy.ndimage import shift

from survey_batch.report.examples import gallery
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, Section, section, tag
from survey_batch.report.pixels import BAND_SIDE, SIDE, Pixels, pixels, shown_at, side_of, size_of
from survey_batch.report.reading import read_array
from survey_batch.store.products import stored

Floats = npt.NDArray[np.float32]

IN_A_LINE = 3
"""Bands beside each other, at the right of the colour image."""
GAP = 6
"""Between the panels of one object [CSS pixels]."""
RGB_BANDS = "irg"
"""Which bands are shown as red, green and blue."""
COLOUR_NOTE = (
    f"; colour is {', '.join(RGB_BANDS)} as red, green, blue (Lupton et al. 2004) on that scale, shifted by parts of a "
    "pixel onto each other"
)
Panel = tuple[str, Pixels]
"""Name and pixels, with y upwards."""


def cutout_section(group: zarr.Group, objects: Objects) -> Section:
    """Make the section with example cutouts."""
    bands = [str(band) for band in read_array(group, "band")]
    size = stored(group, "flux").shape[-1]
    coloured = "" if not set(RGB_BANDS) <= set(bands) else COLOUR_NOTE
    return section(
        "Example cutouts",
        *gallery(objects, "cutouts", lambda index: _cutout(group, objects, index, bands), _width_of(size, len(bands))),
        note="Each object's bands share one asinh scale in nanomaggies, so brightness can be compared between them"
        f"{coloured}. Hatched: not in the archive. Y upwards, {shown_at(size, BAND_SIDE if len(bands) > 1 else SIDE)}.",
    )


def composite_section(group: zarr.Group, objects: Objects) -> Section:
    """Make the section with example composites, as a network sees them."""
    size = stored(group, "image").shape[1]
    return section(
        "Example composites",
        *gallery(objects, "composites", lambda index: _composite(group, objects, index), side_of(size, SIDE)),
        note=f"{_recipe(group)}y upwards; {shown_at(size, SIDE)}.",
    )


def stamp_section(group: zarr.Group, objects: Objects) -> Section:
    """Make the section with example stamps of one band."""
    size = stored(group, "flux").shape[-1]
    return section(
        "Example stamps",
        *gallery(objects, "stamps", lambda index: _stamp(group, objects, index), side_of(size, SIDE)),
        note="Each stamp on an asinh scale of its own, dark on white, with y upwards. Hatched: no data. "
        f"They are {shown_at(size, SIDE)}.",
    )


def _recipe(group: zarr.Group) -> str:
    attrs = stored(group, "image").attrs
    return "".join(f"{attrs[key]}; " for key in ("bands", "pair", "recipe", "comment") if key in attrs)


def _composite(group: zarr.Group, objects: Objects, index: int) -> Html:
    image = np.asarray(stored(group, "image")[int(objects.row[index])], np.uint8)
    upright = image if _is_upright(group) else image[::-1]
    middle = upright[upright.shape[0] // 2, upright.shape[1] // 2]
    mean = ", ".join(f"{value:.0f}" for value in upright.mean(axis=(0, 1)))
    words = f"Composite of {objects.object_id[index]}, {size_of(upright)}: red, green, blue (of 255) {mean} on average"
    return pixels(upright, f"{words} and {', '.join(map(str, middle))} in the middle")


def _stamp(group: zarr.Group, objects: Objects, index: int) -> Html:
    flux = np.asarray(stored(group, "flux")[int(objects.row[index])], np.float32)
    ((_, panel),) = panels_of(flux[None], [""], np.zeros((1, 2)))
    return pixels(panel, f"Stamp of {objects.object_id[index]}, {size_of(panel)}: {_brightness(flux)}")


def _is_upright(group: zarr.Group) -> bool:
    """Tell whether the first row is at the top: it is in a JPEG; in a frame it is at the bottom."""
    return "orientation" in stored(group, "image").attrs


def _cutout(group: zarr.Group, objects: Objects, index: int, bands: list[str]) -> Html:
    """Show the bands, and the colour image at the left of them and twice as large."""
    row = int(objects.row[index])
    flux = np.asarray(stored(group, "flux")[row], np.float32)
    position = np.stack([np.asarray(stored(group, name)[row]) for name in ("y_object", "x_object")], axis=1)
    panels = panels_of(flux, bands, position)
    smallest = BAND_SIDE if len(bands) > 1 else SIDE
    shown = [
        tag("div", pixels(panel, f"{name}: {_brightness(band, ' nanomaggies')}", smallest), name)
        for (name, panel), band in zip(panels, flux, strict=False)
    ]
    colour = [tag("div", pixels(panel, f"{name} as red, green, blue"), name) for name, panel in panels[len(bands) :]]
    words = f"Cutout of {objects.object_id[index]} in the bands {', '.join(name for name, _ in panels)}"
    width = IN_A_LINE * (side_of(flux.shape[-1], smallest) + GAP) - GAP
    several = tag("div", *shown, class_="panels bands", style=f"--bands:{width}px")
    return tag("div", *colour, several, class_="panels", role="group", aria_label=f"{words}, {size_of(flux[0])}")


def _brightness(flux: Floats, unit: str = "") -> str:
    """Say what a panel shows: how bright its pixels are, and how many there are not."""
    here = np.isfinite(flux)
    if not here.any():
        return f"none of the {flux.size:,} pixels is there"
    y, x = np.unravel_index(np.argmax(np.where(here, flux, -np.inf)), flux.shape)
    words = f"median {np.median(flux[here]):.3g}, brightest {flux[y, x]:.3g}{unit} at x {x}, y {y}"
    return words if here.all() else f"{words}; {100 * (1 - here.mean()):.0f} % not there"


def _width_of(size: int, bands: int) -> int:
    """Width of a figure: the colour image, and up to three bands beside it."""
    beside = min(bands, IN_A_LINE)
    return beside * (side_of(size, BAND_SIDE) + GAP) + side_of(size, SIDE) if bands > 1 else side_of(size, SIDE)


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


def _hatched(panel: Pixels, missing: npt.NDArray[np.bool_]) -> Pixels:
    """Hatch what is missing, and turn the panel so that y runs upwards."""
    y, x = np.indices(missing.shape)
    hatch = np.where((x + y) % 8 < 2, 196, 244).astype(np.uint8)
    return np.where(missing[..., None], hatch[..., None], panel)[::-1]
