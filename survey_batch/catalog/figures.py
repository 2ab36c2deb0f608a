"""The picture of a catalogue: where its objects lie, and how many of each class are in each split."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from survey_batch.catalog.labels import by_class
from survey_batch.catalog.read import Catalog
from survey_batch.catalog.split import SPLITS
from survey_batch.core.wording import counted

COLORS = {"train": "#0072B2", "validation": "#E69F00", "test": "#009E73", "no split": "#7F7F7F"}
"""From the palette of Okabe and Ito (2008, Color Universal Design), which colour-blind readers can tell apart."""
CELL_DEGREES = 2.0
CLASSES = 12
"""Most classes shown; if there are more, the rarest are shown as one."""


def catalog_figure(catalog: Catalog) -> Figure:
    """Draw the sky in equal-area cells, and counts per class and split on a logarithmic scale."""
    figure = Figure((12.5, 4.6), layout="constrained")
    sky, bars = figure.subplots(1, 2, width_ratios=[1.35, 1])
    _draw_sky(figure, sky, catalog)
    _draw_classes(bars, catalog)
    return figure


def _draw_sky(figure: Figure, axes: Axes, catalog: Catalog) -> None:
    """Plot the sine of declination against right ascension: equal areas, east to the left."""
    ra, dec = (np.asarray(catalog.table[name].to_numpy()) for name in ("ra", "dec"))
    known = np.isfinite(ra) & np.isfinite(dec)
    edges_ra = np.arange(0, 360 + CELL_DEGREES, CELL_DEGREES)
    edges_sin = np.linspace(-1, 1, round(2 / np.radians(CELL_DEGREES)))
    count = np.histogram2d(ra[known], np.sin(np.radians(dec[known])), (edges_ra, edges_sin))[0].T
    area = CELL_DEGREES * np.degrees(edges_sin[1] - edges_sin[0])
    density = np.ma.masked_equal(count, 0) / area
    norm = LogNorm() if density.count() and density.max() > density.min() else None
    mesh = axes.pcolormesh(edges_ra, edges_sin, density, cmap="viridis", norm=norm, rasterized=True)
    degrees = np.array([-90, -60, -30, -15, 0, 15, 30, 60, 90])
    axes.set_yticks(np.sin(np.radians(degrees)), [f"{degree:+d}°" if degree else "0°" for degree in degrees])
    axes.set_xticks(range(0, 361, 60), [f"{degree}°" for degree in range(0, 361, 60)])
    axes.set(xlim=(360, 0), ylim=(-1, 1), xlabel="right ascension (ICRS)", ylabel="declination")
    axes.set_title(f"{counted(np.sum(known), 'object')} on the sky", loc="left")
    axes.grid(color="#dfe4ea", linewidth=0.6)
    axes.set_axisbelow(True)
    if density.count():
        bar = figure.colorbar(mesh, ax=axes, label="objects per square degree", pad=0.01)
        bar.ax.yaxis.set_major_formatter("{x:g}")
        bar.ax.yaxis.set_minor_formatter("{x:g}")


def _draw_classes(axes: Axes, catalog: Catalog) -> None:
    names, counts = class_counts(catalog)
    shown = [name for name in counts if counts[name].sum()]
    width = 0.8 / max(len(shown), 1)
    for index, name in enumerate(shown):
        x = np.arange(len(names)) + (index - (len(shown) - 1) / 2) * width
        axes.bar(x, counts[name], width * 0.92, color=COLORS[name], label=f"{name} {counts[name].sum():,}")
    axes.set_yscale("log")
    axes.set_ylim(0.7, 4 * max([1, *(values.max(initial=1) for values in counts.values())]))
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) <= 8 else 40)
    axes.set(xlabel="class", ylabel="objects")
    axes.set_title("Classes and splits", loc="left")
    axes.legend(ncols=2, frameon=False, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dfe4ea", linewidth=0.6)
    axes.set_axisbelow(True)


def class_counts(catalog: Catalog) -> tuple[list[str], dict[str, npt.NDArray[np.int64]]]:
    """Count the rows of each class by split; if there are many classes, put the rarest together."""
    label = catalog.table["label"].combine_chunks().dictionary_encode()
    split = catalog.table["split"].combine_chunks().dictionary_encode()
    names = label.dictionary.to_pylist()
    code = np.asarray(label.indices)
    frequent = np.argsort(-np.bincount(code, minlength=len(names)), kind="stable")
    shown = sorted(frequent[:CLASSES].tolist(), key=lambda number: by_class(names[number]))
    title_index = np.full(len(names), len(shown))
    title_index[shown] = np.arange(len(shown))
    titles = [names[number] or "(none)" for number in shown] + (["others"] if len(names) > CLASSES else [])
    which = np.array([name or "no split" for name in split.dictionary.to_pylist()], dtype=object)[
        np.asarray(split.indices)
    ]
    return titles, {
        name: np.bincount(title_index[code[which == name]], minlength=len(titles)) for name in (*SPLITS, "no split")
    }
