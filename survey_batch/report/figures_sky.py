"""The sky map: the whole sky and, if the objects lie in few patches, those patches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.core.arrays import F8, Index
from survey_batch.core.sphere import chord, unit_vectors
from survey_batch.core.wording import counted
from survey_batch.report.objects import Objects, spread
from survey_batch.report.page import Html, Section, plot, section, shape, tag
from survey_batch.report.style import LINE, SOFT

DENSE = 100_000
"""More objects than this are shown as a density."""
CELL_DEGREES = 1.0
"""Objects in neighbouring cells of this size are in one patch."""
PATCH_DEGREES = 90.0
"""Widest patch that gets a panel of its own."""
ARCMIN_DEGREES = 6.0
"""Widest patch that is drawn in arcminutes; wider ones are in degrees."""
PANELS = 6
PANEL_OBJECTS = 20_000

SKY_SIZE, ENLARGED = (4.8, 2.5), 1.6
"""Width and height of the whole sky [inch], and how many times as large it is where the page has room: its words can be
read on a phone too."""
ZOOM_SIDES, ZOOM_MARGINS = (0.8, 2.5), (0.8, 1.0)
"""Shortest and longest side of a patch's map, and what stands at its left and above and below it [inch]."""
SHAPES = (("o", "●"), ("s", "■"), ("^", "▲"), ("D", "◆"), ("v", "▼"), ("P", "✚"), ("X", "✖"), ("*", "★"))
"""Shapes of points in a map, and as a character."""


@dataclass(frozen=True)
class Patch:
    """Objects near each other: their indices, and the patch's middle [degrees]."""

    members: Index
    ra: float
    dec: float


def sky_section(objects: Objects) -> Section:
    """Make the section with the maps."""
    known = np.flatnonzero(np.isfinite(objects.ra) & np.isfinite(objects.dec))
    patches = patches_of(objects, known)
    zoomed = [patch for patch in patches if width_degrees(objects, patch) <= PATCH_DEGREES][:PANELS]
    words = _in_words(objects, known, patches)
    maps = [plot(all_sky(objects, known, patches), words, "plot middle", enlarged=ENLARGED)]
    if len(patches) <= 2 * PANELS and zoomed:
        drawn = [zoom(objects, patch, number) for number, patch in enumerate(zoomed, 1)]
        words_of = [_patch_in_words(objects, patch, number) for number, patch in enumerate(zoomed, 1)]
        maps.append(tag("div", *map(plot, drawn, words_of), class_="row"))
    color = "objects per square degree" if len(known) > DENSE else objects.group_title
    points = "" if len(known) > DENSE else " and shape"
    note = f"{objects.sampled}ICRS, east to the left. {_patch_note(patches, zoomed)}Colour{points}: {color}."
    shown = [] if len(known) > DENSE else [legend(objects)]
    return section("Where they are", *shown, *maps, note=note)


def patches_of(objects: Objects, known: Index) -> list[Patch]:
    """Group objects with a position; many patches in one region of the sky are one."""
    found = find_patches(objects.ra[known], objects.dec[known])
    if len(found) > 2 * PANELS and width_degrees(objects, whole := whole_patch(objects, known)) <= PATCH_DEGREES:
        return [whole]
    return [Patch(known[patch.members], patch.ra, patch.dec) for patch in found]


def whole_patch(objects: Objects, known: Index) -> Patch:
    """Take all objects with a position, one at least, as one patch."""
    return _patch(known, objects.ra, objects.dec)


def find_patches(ra: F8, dec: F8) -> list[Patch]:
    """Group positions [degrees] whose 1-degree cells touch, the largest group first."""
    if not len(ra):
        return []
    band = np.floor(dec / CELL_DEGREES)
    along = np.floor(ra * np.cos(np.deg2rad(band * CELL_DEGREES)) / CELL_DEGREES)
    _, first, cell = np.unique(np.stack([band, along], axis=1), axis=0, return_index=True, return_inverse=True)
    # One object stands for its cell, so the search does not grow with the catalogue.
    reach = chord(2.2 * CELL_DEGREES)
    pairs = cKDTree(unit_vectors(ra[first], dec[first])).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    patch = connected_components(links, directed=False)[1][cell.ravel()]
    order = np.argsort(-np.bincount(patch), kind="stable")
    return [_patch(np.flatnonzero(patch == number), ra, dec) for number in order[: 4 * PANELS]]


def _patch(members: Index, ra: F8, dec: F8) -> Patch:
    x, y, z = unit_vectors(ra[members], dec[members]).mean(axis=0)
    return Patch(members, float(np.rad2deg(np.arctan2(y, x)) % 360), float(np.rad2deg(np.arctan2(z, np.hypot(x, y)))))


def offsets(objects: Objects, patch: Patch) -> tuple[F8, F8]:
    """Find offsets east and north of a patch's middle [arcmin], in the zenithal equal-area projection.

    A patch of a few degrees looks as it does in any projection, at the poles too. A wide one keeps its density.
    """
    ra, dec = np.deg2rad(objects.ra[patch.members] - patch.ra), np.deg2rad(objects.dec[patch.members])
    middle = np.deg2rad(patch.dec)
    east, north = np.cos(dec) * np.sin(ra), np.cos(middle) * np.sin(dec) - np.sin(middle) * np.cos(dec) * np.cos(ra)
    away = np.sin(middle) * np.sin(dec) + np.cos(middle) * np.cos(dec) * np.cos(ra)
    scale = np.rad2deg(np.sqrt(2 / np.maximum(1 + away, 1e-9))) * 60
    return east * scale, north * scale


def width_degrees(objects: Objects, patch: Patch) -> float:
    """Find the larger of a patch's extents east and north [degrees]."""
    return float(max(np.ptp(values) for values in offsets(objects, patch)) / 60)


def _in_unit(east: F8, north: F8) -> tuple[F8, F8, str]:
    """Return offsets [arcmin] in arcminutes or, where they are wide, in degrees, and the unit."""
    if max(np.ptp(east), np.ptp(north)) <= ARCMIN_DEGREES * 60:
        return east, north, "arcmin"
    return east / 60, north / 60, "degrees"


def all_sky(objects: Objects, known: Index, patches: list[Patch], figure: Figure | None = None) -> Figure:
    """Draw the whole sky in Aitoff projection, on a new figure or the given one."""
    figure = figure or Figure(SKY_SIZE, layout="constrained")
    axes = figure.add_subplot(projection="aitoff")
    axes.grid(color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    degrees = range(-150, 180, 30)
    axes.set_xticks(np.deg2rad(degrees), [""] * len(degrees))
    for degree in degrees:
        axes.text(
            np.deg2rad(degree), np.deg2rad(-1.5), f"{-degree % 360}°", color=SOFT, fontsize=6.5, va="top", ha="center"
        )
    axes.tick_params(axis="y", labelsize=6.5, labelcolor=SOFT)
    if len(known) > DENSE:
        _density(figure, axes, objects, known)
    else:
        for name, members in by_group(objects, known):
            x, y = _aitoff(objects.ra[members], objects.dec[members])
            axes.scatter(x, y, s=7 if len(known) < 5000 else 2, **look(objects, name))
    if 1 < len(patches) <= PANELS:
        for number, patch in enumerate(patches, 1):
            x, y = _aitoff(np.array([patch.ra]), np.array([patch.dec]))
            side = 1 if number % 2 else -1
            axes.annotate(
                str(number), (x[0], y[0]), xytext=(5 * side, 3), textcoords="offset points", fontsize=7.5, ha="center"
            )
    return figure


def _density(figure: Figure, axes: Axes, objects: Objects, known: Index) -> None:
    x, y = _aitoff(objects.ra[known], objects.dec[known])
    lon, lat = np.linspace(-np.pi, np.pi, 181), np.linspace(-np.pi / 2, np.pi / 2, 91)
    count = np.histogram2d(x, y, (lon, lat))[0].T
    area = np.rad2deg(lon[1] - lon[0]) * np.rad2deg(np.diff(np.sin(lat)))[:, None]
    density = np.ma.masked_equal(count, 0) / area
    mesh = axes.pcolormesh(lon, lat, density, cmap="viridis", norm=LogNorm(), rasterized=True)
    figure.colorbar(mesh, ax=axes, label="objects per square degree", shrink=0.7)


def zoom(objects: Objects, patch: Patch, number: int | None = None, figure: Figure | None = None) -> Figure:
    """Draw a patch in arcminutes or degrees from its middle, on a new figure or the given one."""
    shown = Patch(spread(patch.members, PANEL_OBJECTS), patch.ra, patch.dec)
    east, north, unit = _in_unit(*offsets(objects, shown))
    figure = figure or Figure(_zoom_size(np.ptp(east), np.ptp(north)), layout="constrained")
    axes = figure.add_subplot(aspect="equal")
    for name, members in by_group(objects, shown.members):
        here = np.isin(shown.members, members)
        axes.scatter(east[here], north[here], s=13 if len(east) < 2000 else 4, **look(objects, name), alpha=0.85)
    which = "" if number is None else f"{number}:  "
    axes.set_title(f"{which}{patch.ra:.2f}° {patch.dec:+.2f}°\n{counted(len(patch.members), 'object')}", fontsize=9)
    axes.invert_xaxis()
    axes.tick_params(labelsize=8)
    axes.set_xlabel(f"east [{unit}]", fontsize=8.5)
    axes.set_ylabel(f"north [{unit}]", fontsize=8.5)
    return figure


def _zoom_size(east: float, north: float) -> tuple[float, float]:
    """Size a map so that a patch of this extent fills it."""
    shortest, longest = ZOOM_SIDES
    share = longest / max(east, north, 1e-9)
    width, height = (float(np.clip(side * share, shortest, longest)) for side in (east, north))
    return width + ZOOM_MARGINS[0], height + ZOOM_MARGINS[1]


def look(objects: Objects, name: str) -> dict[str, Any]:
    """Colour and shape of a group's points: who sees no colours tells the shapes apart."""
    return {"color": objects.colors[name], "marker": SHAPES[_shape_index(objects, name)][0], "linewidths": 0}


def _shape_index(objects: Objects, name: str) -> int:
    return [*objects.colors].index(name) % len(SHAPES)


def _in_words(objects: Objects, known: Index, patches: list[Patch]) -> str:
    """Say what the map of the whole sky shows."""
    ra, dec = objects.ra[known], objects.dec[known]
    if not len(patches):
        return "Map of the whole sky without an object"
    groups = ", ".join(f"{len(members):,} {name or 'none'}" for name, members in by_group(objects, known))
    first = patches[0]
    most = f"most, {len(first.members):,}, about right ascension {first.ra:.1f}°, declination {first.dec:+.1f}°"
    span = f"right ascension {ra.min():.1f}° to {ra.max():.1f}°, declination {dec.min():+.1f}° to {dec.max():+.1f}°"
    number = counted(len(known), "object")
    return f"Map of the whole sky: {number} within {span}; {most}. By {objects.group_title}: {groups}"


def _patch_in_words(objects: Objects, patch: Patch, number: int) -> str:
    east, north, unit = _in_unit(*offsets(objects, patch))
    where = f"about right ascension {patch.ra:.2f}°, declination {patch.dec:+.2f}°"
    size = f"{np.ptp(east):.1f} by {np.ptp(north):.1f} {unit}"
    groups = ", ".join(f"{len(members):,} {name or 'none'}" for name, members in by_group(objects, patch.members))
    return f"Map of patch {number}: {counted(len(patch.members), 'object')} {where}, within {size}: {groups}"


def _aitoff(ra: F8, dec: F8) -> tuple[F8, F8]:
    """Return radians with east to the left."""
    return -np.deg2rad((ra + 180) % 360 - 180), np.deg2rad(dec)


def by_group(objects: Objects, members: Index) -> list[tuple[str, Index]]:
    """Split objects by their group, the most frequent first so that rare ones lie on top."""
    names, inverse, counts = np.unique(objects.group[members].astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [
        (str(names[number]), members[inverse == number]) for number in order if str(names[number]) in objects.colors
    ]


def legend(objects: Objects) -> Html:
    """Name each group with its mark and its number of objects."""
    names, counts = np.unique(objects.group.astype(str), return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    known = [name for name in objects.colors if name in found]
    marks = ((SHAPES[_shape_index(objects, name)][1], objects.colors[name], name) for name in known)
    return tag("p", *(shape(mark, color, f"{name or 'none'} {found[name]:,}") for mark, color, name in marks))


def _patch_note(patches: list[Patch], zoomed: list[Patch]) -> str:
    if len(patches) > 2 * PANELS or not zoomed:
        return ""
    more = f", the {len(zoomed)} largest below" if len(patches) > len(zoomed) else ""
    return f"The objects lie in {len(patches)} patch{'es' if len(patches) != 1 else ''}{more}. "
