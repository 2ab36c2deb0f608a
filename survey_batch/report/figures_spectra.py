"""Example spectra with their lines, and what the classifier says of them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import zarr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from survey_batch.core.arrays import F8, Flags
from survey_batch.report.examples import caption, gallery, probabilities
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, plot, section, tag
from survey_batch.report.reading import read_array, stored
from survey_batch.report.style import NO_CLASS
from survey_batch.spectra.line_list import LINES
from survey_batch.store.products import Array

MARKED = {
    "h_alpha": "Hα", "h_beta": "Hβ", "h_gamma": "Hγ", "h_delta": "Hδ", "mg_b": "Mg b", "na_d": "Na D",
    "ca_k": "K", "ca_h": "H", "ca_ii_8542": "Ca II",
}  # fmt: skip
"""Measured lines that are marked in the plots, and their names there."""


def spectrum_section(group: zarr.Group, objects: Objects) -> Html:
    """Make the section with example spectra: some of each class, wrong predictions, and the least certain."""
    wavelength = read_array(group, "wavelength")
    return section(
        "Example spectra",
        *gallery(objects, lambda place: _card(group, objects, place, wavelength)),
        note="Flux density against vacuum wavelength, relative units. Masked pixels are not drawn: grey bands. "
        "Dotted: lines at the object's catalogue redshift.",
    )


def _card(group: zarr.Group, objects: Objects, place: int, wavelength: F8) -> Html:
    row, name = int(objects.row[place]), str(objects.object_id[place])
    flux, ivar, mask, redshift = (np.asarray(stored(group, part)[row]) for part in ("flux", "ivar", "mask", "redshift"))
    good = (mask == 0) & (ivar > 0) & np.isfinite(flux)
    group_name = str(objects.best[place] or objects.label[place])
    color = objects.colors.get(group_name, NO_CLASS) if objects.classes else "#1d2733"
    figure = Figure((5.3, 2.1), layout="constrained")
    draw_spectrum(figure.subplots(), wavelength, flux, good, float(redshift), color)
    drawn = plot(figure, f"Spectrum of {name}")
    return tag("figure", caption(objects, place), drawn, *probabilities(objects, place), class_="example")


def draw_spectrum(axes: Axes, wavelength: F8, flux: Array, good: Flags, redshift: float, color: str) -> None:
    """Plot one spectrum: (pixel,) arrays; an unknown redshift counts as 0."""
    axes.plot(wavelength, np.where(good, flux, np.nan), color=color, linewidth=0.7)
    for start, stop in _runs(~good, shortest=8):
        axes.axvspan(wavelength[start], wavelength[stop - 1], color="#eceff2", linewidth=0)
    low, high = np.percentile(flux[good], [0.3, 99.7]) if good.any() else (0, 1)
    margin = 0.08 * (high - low) or 1
    axes.set(xlim=(wavelength[0], wavelength[-1]), ylim=(low - margin, high + 3 * margin))
    _mark_lines(axes, wavelength, redshift if np.isfinite(redshift) and redshift > -1 else 0)
    axes.tick_params(labelsize=7, length=2)
    axes.locator_params(axis="y", nbins=4)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("wavelength [Å]", fontsize=7)


def _mark_lines(axes: Axes, wavelength: F8, redshift: float) -> None:
    previous, raised = -np.inf, False
    for line in sorted((line for line in LINES if line.name in MARKED), key=lambda line: line.wavelength):
        place = line.wavelength * (1 + redshift)
        if wavelength[0] < place < wavelength[-1]:
            axes.axvline(place, color="#9aa5b1", linewidth=0.6, linestyle=":")
            raised = place - previous < 0.035 * (wavelength[-1] - wavelength[0]) and not raised
            where, height = axes.get_xaxis_transform(), 1.07 if raised else 1.0
            axes.text(
                place, height, MARKED[line.name], transform=where, fontsize=6, ha="center", va="bottom", color="#5b6773"
            )
            previous = place


def _runs(flags: npt.NDArray[np.bool_], shortest: int) -> Iterator[tuple[int, int]]:
    """Find stretches of at least `shortest` pixels that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return ((int(start), int(stop)) for start, stop in edges.reshape(-1, 2) if stop - start >= shortest)
