"""Example cutouts, composites and stamps: all bands on one scale, and a colour image, pixel by pixel."""

import numpy as np
import zarr

from survey_batch.images.picture import RGB_BANDS, Floats, panels_of
from survey_batch.report.examples import gallery
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, Section, section, tag
from survey_batch.report.pixels import BAND_SIDE, SIDE, pixels, shown_at, side_of, size_of
from survey_batch.report.reading import read_array
from survey_batch.store.products import stored

IN_A_LINE = 3
"""Bands beside each other, at the right of the colour image."""
GAP = 6
"""Between the panels of one object [CSS pixels]."""
COLOUR_NOTE = (
    f"; colour is {', '.join(RGB_BANDS)} as red, green, blue (Lupton et al. 2004) on that scale, shifted by parts of a "
    "pixel onto each other"
)


def cutout_section(group: zarr.Group, objects: Objects) -> Section:
    """Make the section with example cutouts."""
    bands = [str(band) for band in read_array(group, "band")]
    size = stored(group, "flux").shape[-1]
    coloured = "" if not set(RGB_BANDS) <= set(bands) else COLOUR_NOTE
    return section(
        "Example cutouts",
        *gallery(objects, "cutouts", lambda index: _cutout(group, objects, index, bands), _width_of(size, len(bands))),
        note=f"Each object's bands share one asinh scale in {_unit(group)}, so brightness can be compared between them"
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
        tag("div", pixels(panel, f"{name}: {_brightness(band, f' {_unit(group)}')}", smallest), name)
        for (name, panel), band in zip(panels, flux, strict=False)
    ]
    colour = [tag("div", pixels(panel, f"{name} as red, green, blue"), name) for name, panel in panels[len(bands) :]]
    words = f"Cutout of {objects.object_id[index]} in the bands {', '.join(name for name, _ in panels)}"
    width = IN_A_LINE * (side_of(flux.shape[-1], smallest) + GAP) - GAP
    several = tag("div", *shown, class_="panels bands", style=f"--bands:{width}px")
    return tag("div", *colour, several, class_="panels", role="group", aria_label=f"{words}, {size_of(flux[0])}")


def _unit(group: zarr.Group) -> str:
    """Name the unit of a cutout's pixels in a sentence."""
    unit = str(stored(group, "flux").attrs.get("units", "nanomaggy")).partition(" / ")[0]
    return "nanomaggies" if unit == "nanomaggy" else unit


def _brightness(flux: Floats, unit: str = "") -> str:
    """Say what a panel shows: how bright its pixels are, and how many there are not."""
    here = np.isfinite(flux)
    if not here.any():
        return f"none of {flux.size:,} pixels is there"
    y, x = np.unravel_index(np.argmax(np.where(here, flux, -np.inf)), flux.shape)
    words = f"median {np.median(flux[here]):.3g}, brightest {flux[y, x]:.3g}{unit} at x {x}, y {y}"
    return words if here.all() else f"{words}; {100 * (1 - here.mean()):.0f} % not there"


def _width_of(size: int, bands: int) -> int:
    """Width of a figure: the colour image, and up to three bands beside it."""
    beside = min(bands, IN_A_LINE)
    return beside * (side_of(size, BAND_SIDE) + GAP) + side_of(size, SIDE) if bands > 1 else side_of(size, SIDE)
