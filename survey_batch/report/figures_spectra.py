"""Example spectra with their lines, and what the classifier says of them."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import zarr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from survey_batch.products import Array
from survey_batch.report.objects import Index, Objects, spread
from survey_batch.report.page import Html, badge, bar, plot, section, tag
from survey_batch.report.reading import read_array, stored
from survey_batch.report.style import NO_CLASS
from survey_batch.spectra.line_list import LINES

F8 = npt.NDArray[np.float64]

PER_CLASS = 2
UNCERTAIN = 4
WRONG = 4
UNLABELLED = 6

MARKED = {
    "h_alpha": "Hα", "h_beta": "Hβ", "h_gamma": "Hγ", "h_delta": "Hδ", "mg_b": "Mg b", "na_d": "Na D",
    "ca_k": "K", "ca_h": "H", "ca_ii_8542": "Ca II",
}  # fmt: skip
"""Lines that are marked, of those that are measured, and how they are called."""


def spectrum_section(group: zarr.Group, objects: Objects) -> Html:
    """Make the section with example spectra: of each class, the most uncertain, and those against their label."""
    wavelength = read_array(group, "wavelength")
    parts: list[Html] = []
    for title, places in _chosen(objects):
        cards = [_card(group, objects, int(place), wavelength) for place in places]
        parts += [tag("h3", title), tag("div", *cards, class_="grid")]
    return section(
        "Example spectra",
        *parts,
        note="Flux density against vacuum wavelength, relative units. Masked pixels are not drawn: grey bands. "
        "Dotted: lines at the object's catalogue redshift.",
    )


def _chosen(objects: Objects) -> Iterator[tuple[str, Index]]:
    """Titles and places of the examples; what does not exist is left out."""
    usable = np.flatnonzero(objects.usable)
    if objects.probability is None:
        places = [spread(usable[objects.label[usable] == name], PER_CLASS) for name in objects.classes or ()]
        yield ("By label", np.concatenate(places)) if places else ("Evenly spaced", spread(usable, UNLABELLED))
        return
    confidence = objects.probability.max(axis=1)
    known = usable[np.isfinite(confidence[usable])]
    ranked = known[np.argsort(-confidence[known], kind="stable")]
    each = [_surest_and_median(ranked[objects.predicted[ranked] == name]) for name in objects.classes]
    yield "By predicted class: the surest, and one of middling confidence", np.concatenate(each)
    if len(ranked):
        yield "The most uncertain", ranked[::-1][:UNCERTAIN]
    against = np.isin(objects.label[ranked], objects.classes) & (objects.label[ranked] != objects.predicted[ranked])
    if against.any():
        yield f"Predicted otherwise than labelled, the surest of {against.sum():,}", ranked[against][:WRONG]


def _surest_and_median(ranked: Index) -> Index:
    return np.unique(ranked[[0, len(ranked) // 2]])[::-1] if len(ranked) else ranked


def _card(group: zarr.Group, objects: Objects, place: int, wavelength: F8) -> Html:
    row, name = int(objects.row[place]), str(objects.object_id[place])
    flux, ivar, mask, redshift = (np.asarray(stored(group, part)[row]) for part in ("flux", "ivar", "mask", "redshift"))
    good = (mask == 0) & (ivar > 0) & np.isfinite(flux)
    group_name = str(objects.predicted[place] or objects.label[place])
    color = objects.colors.get(group_name, NO_CLASS) if objects.classes else "#1d2733"
    figure = draw(wavelength, flux, good, float(redshift), color)
    label = str(objects.label[place])
    split = f", {objects.split[place]}" if objects.split[place] else ""
    caption = tag(
        "figcaption",
        tag("span", name, class_="id"),
        tag("span", f"{objects.ra[place]:.5f}° {objects.dec[place]:+.5f}°"),
        tag("span", f"label {label}{split}" if label else "no label"),
    )
    return tag(
        "figure", caption, plot(figure, f"Spectrum of {name}"), *_probabilities(objects, place), class_="example"
    )


def _probabilities(objects: Objects, place: int) -> Iterator[Html]:
    """A bar of all classes' probabilities, and the largest in words."""
    if objects.probability is None:
        return
    probability = objects.probability[place]
    pairs = [(name, float(p), objects.colors[name]) for name, p in zip(objects.classes, probability, strict=True)]
    yield bar((f"{name}: {p:.3f}", p, color) for name, p, color in pairs if p >= 0.005)
    best = sorted(pairs, key=lambda pair: -pair[1])[:3]
    yield tag("div", *(badge(f"{name} {p:.2f}", color) for name, p, color in best if p >= 0.005), class_="note small")


def draw(wavelength: F8, flux: Array, good: npt.NDArray[np.bool_], redshift: float, color: str) -> Figure:
    """Plot one spectrum: (pixel,) arrays; a redshift that is not known counts as 0."""
    figure = Figure((5.3, 2.1), layout="constrained")
    axes = figure.subplots()
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
    return figure


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
    """Stretches of at least `shortest` pixels that are set."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return ((int(start), int(stop)) for start, stop in edges.reshape(-1, 2) if stop - start >= shortest)
