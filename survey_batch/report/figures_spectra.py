"""Example spectra with their lines, and what the classifier says of them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import zarr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from survey_batch.core.arrays import F8, Flags
from survey_batch.report.examples import gallery
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, Section, plot, section
from survey_batch.report.reading import read_array
from survey_batch.report.style import INK, NO_CLASS, SOFT
from survey_batch.spectra.line_list import LINES
from survey_batch.store.products import stored
from survey_batch.store.schema import Array

FIGURE_SIZE = (5.0, 2.3)
"""Width and height [inch]."""
FIGURE_PIXELS = 480
"""Width on the page [CSS pixels]."""

ROW_PAD = 12
NAMES_PAD = 2 * ROW_PAD
"""Height of a row of line names above a plot, and of both rows [points]: what a title must leave free."""

MARKED = {
    "h_alpha": "Hα", "h_beta": "Hβ", "h_gamma": "Hγ", "h_delta": "Hδ", "mg_b": "Mg b", "na_d": "Na D",
    "ca_k": "K", "ca_h": "H", "ca_ii_8542": "Ca II",
}  # fmt: skip
"""Measured lines that are marked in the plots, and their names there."""


def spectrum_section(group: zarr.Group, objects: Objects) -> Section:
    """Make the section with example spectra: some of each class, wrong predictions, and the least certain."""
    wavelength = read_array(group, "wavelength")
    return section(
        "Example spectra",
        *gallery(objects, "spectra", lambda index: _spectrum(group, objects, index, wavelength), width=FIGURE_PIXELS),
        note="Flux density against vacuum wavelength, relative units. Masked pixels are not drawn: grey bands. "
        "Dotted: lines at the object's catalogue redshift.",
    )


def _spectrum(group: zarr.Group, objects: Objects, index: int, wavelength: F8) -> Html:
    row, name = int(objects.row[index]), str(objects.object_id[index])
    flux, ivar, mask, redshift = (np.asarray(stored(group, part)[row]) for part in ("flux", "ivar", "mask", "redshift"))
    good = (mask == 0) & (ivar > 0) & np.isfinite(flux)
    group_name = str(objects.best[index] or objects.label[index])
    color = objects.colors.get(group_name, NO_CLASS) if objects.classes else INK
    figure = Figure(FIGURE_SIZE, layout="constrained")
    draw_spectrum(figure.subplots(), wavelength, flux, good, float(redshift), color)
    return plot(figure, f"Spectrum of {name}, {describe(wavelength, flux, good)}")


def describe(wavelength: F8, flux: Array, good: Flags) -> str:
    """Say in words what a plot of a spectrum shows: (pixel,) arrays."""
    span = f"{wavelength[0]:.0f} to {wavelength[-1]:.0f} Å"
    if not good.any():
        return f"{span}: no usable pixel"
    low, middle, high = np.percentile(flux[good], [0.3, 50, 99.7])
    peak = wavelength[good][np.argmax(flux[good])]
    masked = f"{100 * (1 - good.mean()):.0f} % of the pixels masked"
    return f"{span}: flux {low:.3g} to {high:.3g}, median {middle:.3g}, highest at {peak:.0f} Å; {masked}"


def draw_spectrum(axes: Axes, wavelength: F8, flux: Array, good: Flags, redshift: float, color: str) -> None:
    """Plot one spectrum: (pixel,) arrays; an unknown redshift counts as 0."""
    axes.plot(wavelength, np.where(good, flux, np.nan), color=color, linewidth=0.7)
    for start, stop in _runs(~good, shortest=8):
        axes.axvspan(wavelength[start], wavelength[stop - 1], color="#eceff2", linewidth=0)
    low, high = np.percentile(flux[good], [0.3, 99.7]) if good.any() else (0, 1)
    margin = 0.08 * (high - low) or 1
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(low - margin, high + 3 * margin))
    _mark_lines(axes, wavelength, redshift if np.isfinite(redshift) and redshift > -1 else 0)
    axes.tick_params(labelsize=8.5, length=2)
    axes.locator_params(axis="y", nbins=4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("wavelength [Å]", fontsize=8.5)


def _mark_lines(axes: Axes, wavelength: F8, redshift: float) -> None:
    previous, raised = -np.inf, False
    for line in sorted((line for line in LINES if line.name in MARKED), key=lambda line: line.wavelength):
        observed = line.wavelength * (1 + redshift)
        if wavelength[0] < observed < wavelength[-1]:
            axes.axvline(observed, color="#9aa5b1", linewidth=0.6, linestyle=":")
            raised = observed - previous < 0.045 * (wavelength[-1] - wavelength[0]) and not raised
            axes.annotate(
                MARKED[line.name], (observed, 1), (0, ROW_PAD * raised), xycoords=axes.get_xaxis_transform(),
                textcoords="offset points", fontsize=8, ha="center", va="bottom", color=SOFT,
            )  # fmt: skip
            previous = observed


def _runs(flags: npt.NDArray[np.bool_], shortest: int) -> Iterator[tuple[int, int]]:
    """Find stretches of at least `shortest` pixels that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return ((int(start), int(stop)) for start, stop in edges.reshape(-1, 2) if stop - start >= shortest)
