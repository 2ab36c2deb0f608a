"""The sky map: the whole sky and, if the objects lie in few patches, those patches."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.core.arrays import F8, Index
from survey_batch.report.objects import Objects, spread
from survey_batch.report.page import Html, badge, plot, section, tag

DENSE = 100_000
"""More objects than this are shown as a density."""
CELL_DEGREES = 1.0
"""Objects in neighbouring cells of this size are in one patch."""
PATCH_DEGREES = 6.0
"""Widest patch that gets a panel of its own."""
PANELS = 6
PANEL_OBJECTS = 20_000

FAINT = "#9aa5b1"


@dataclass(frozen=True)
class Patch:
    """Objects near each other: their places, and the patch's middle [degrees]."""

    members: Index
    ra: float
    dec: float


def sky_section(objects: Objects) -> Html:
    """Make the section with the maps."""
    known = np.flatnonzero(np.isfinite(objects.ra) & np.isfinite(objects.dec))
    patches = find_patches(objects.ra[known], objects.dec[known])
    patches = [Patch(known[patch.members], patch.ra, patch.dec) for patch in patches]
    zoomed = [patch for patch in patches if width_degrees(objects, patch) <= PATCH_DEGREES][:PANELS]
    maps = [plot(all_sky(objects, known, patches), "Map of the whole sky with the objects' positions", "plot middle")]
    if len(patches) <= 2 * PANELS and zoomed:
        maps.append(plot(zooms(objects, zoomed), "Maps of the patches with most objects"))
    color = "objects per square degree" if len(known) > DENSE else objects.group_title
    note = f"{objects.sampled}ICRS, east to the left. {_patch_note(patches, zoomed)}Colour: {color}."
    legend = [] if len(known) > DENSE else [_legend(objects)]
    return section("Where they are", *legend, *maps, note=note)


def find_patches(ra: F8, dec: F8) -> list[Patch]:
    """Group positions [degrees] whose 1-degree cells touch, the largest group first."""
    if not len(ra):
        return []
    band = np.floor(dec / CELL_DEGREES)
    along = np.floor(ra * np.cos(np.deg2rad(band * CELL_DEGREES)) / CELL_DEGREES)
    _, first, cell = np.unique(np.stack([band, along], axis=1), axis=0, return_index=True, return_inverse=True)
    # One object stands for its cell, so the search does not grow with the catalogue.
    reach = 2 * np.sin(np.deg2rad(2.2 * CELL_DEGREES) / 2)
    pairs = cKDTree(unit_vectors(ra[first], dec[first])).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(first), len(first)))
    patch = connected_components(links, directed=False)[1][cell.ravel()]
    order = np.argsort(-np.bincount(patch), kind="stable")
    return [_patch(np.flatnonzero(patch == number), ra, dec) for number in order[: 4 * PANELS]]


def _patch(members: Index, ra: F8, dec: F8) -> Patch:
    x, y, z = unit_vectors(ra[members], dec[members]).mean(axis=0)
    return Patch(members, float(np.rad2deg(np.arctan2(y, x)) % 360), float(np.rad2deg(np.arctan2(z, np.hypot(x, y)))))


def unit_vectors(ra: F8, dec: F8) -> F8:
    """Turn directions [degrees] into (n, 3) vectors."""
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def offsets(objects: Objects, patch: Patch) -> tuple[F8, F8]:
    """Find offsets east and north of a patch's middle [arcmin], for a patch of a few degrees."""
    ra, dec = objects.ra[patch.members], objects.dec[patch.members]
    east = ((ra - patch.ra + 180) % 360 - 180) * np.cos(np.deg2rad(dec))
    return east * 60, (dec - patch.dec) * 60


def width_degrees(objects: Objects, patch: Patch) -> float:
    """Find the larger of a patch's extents east and north [degrees]."""
    return float(max(np.ptp(values) for values in offsets(objects, patch)) / 60)


def all_sky(objects: Objects, known: Index, patches: list[Patch], figure: Figure | None = None) -> Figure:
    """Draw the whole sky in Aitoff projection, on a new figure or the given one."""
    figure = figure or Figure((8.6, 4.5), layout="constrained")
    axes = figure.add_subplot(projection="aitoff")
    axes.grid(color="#dfe4ea", linewidth=0.6)
    axes.set_axisbelow(True)
    degrees = range(-150, 180, 30)
    axes.set_xticks(np.deg2rad(degrees), [""] * len(degrees))
    for degree in degrees:
        axes.text(
            np.deg2rad(degree), np.deg2rad(-1.5), f"{-degree % 360}°", color=FAINT, fontsize=6.5, va="top", ha="center"
        )
    axes.tick_params(axis="y", labelsize=6.5, labelcolor=FAINT)
    if len(known) > DENSE:
        _density(figure, axes, objects, known)
    else:
        for name, members in _by_group(objects, known):
            x, y = _aitoff(objects.ra[members], objects.dec[members])
            axes.scatter(x, y, s=14 if len(known) < 5000 else 3, color=objects.colors[name], linewidths=0)
    if 1 < len(patches) <= PANELS:
        for number, patch in enumerate(patches, 1):
            x, y = _aitoff(np.array([patch.ra]), np.array([patch.dec]))
            side = 1 if number % 2 else -1
            axes.annotate(
                str(number), (x[0], y[0]), xytext=(7 * side, 5), textcoords="offset points", fontsize=9, ha="center"
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


def zooms(objects: Objects, patches: list[Patch], figure: Figure | None = None) -> Figure:
    """Draw one panel per patch, in arcminutes from its middle, on a new figure or the given one."""
    columns = 3 if len(patches) in (3, 6) else len(patches)
    lines = -(-len(patches) // columns)
    side = min(3.6, 11 / columns)
    figure = figure or Figure((side * columns, (side + 0.6) * lines), layout="constrained")
    for number, patch in enumerate(patches, 1):
        axes = figure.add_subplot(lines, columns, number, aspect="equal")
        shown = Patch(spread(patch.members, PANEL_OBJECTS), patch.ra, patch.dec)
        east, north = offsets(objects, shown)
        for name, members in _by_group(objects, shown.members):
            here = np.isin(shown.members, members)
            axes.scatter(east[here], north[here], s=9, color=objects.colors[name], linewidths=0, alpha=0.85)
        title = f"{number}:  {patch.ra:.2f}° {patch.dec:+.2f}°\n{len(patch.members):,} objects"
        axes.set_title(title, fontsize=8)
        axes.invert_xaxis()
        axes.tick_params(labelsize=7)
        axes.set_xlabel("east [arcmin]", fontsize=8)
        if number % columns == 1 or columns == 1:
            axes.set_ylabel("north [arcmin]", fontsize=8)
    return figure


def _aitoff(ra: F8, dec: F8) -> tuple[F8, F8]:
    """Return radians with east to the left."""
    return -np.deg2rad((ra + 180) % 360 - 180), np.deg2rad(dec)


def _by_group(objects: Objects, members: Index) -> list[tuple[str, Index]]:
    """Split objects by their group, the most frequent first so that rare ones lie on top."""
    names, inverse, counts = np.unique(objects.group[members].astype(str), return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(str(names[place]), members[inverse == place]) for place in order if str(names[place]) in objects.colors]


def _legend(objects: Objects) -> Html:
    names, counts = np.unique(objects.group.astype(str), return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    known = [name for name in objects.colors if name in found]
    return tag("p", *(badge(f"{name or 'none'} {found[name]:,}", objects.colors[name]) for name in known))


def _patch_note(patches: list[Patch], zoomed: list[Patch]) -> str:
    if len(patches) > 2 * PANELS or not zoomed:
        return ""
    more = f", the {len(zoomed)} largest below" if len(patches) > len(zoomed) else ""
    return f"The objects lie in {len(patches)} patch{'es' if len(patches) != 1 else ''}{more}. "
