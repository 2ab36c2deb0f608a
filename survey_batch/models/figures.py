"""Figures of a classifier's performance, for its folder and for the report; no display is needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from survey_batch.models.abstention import THRESHOLDS

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito's colours (2008, Color Universal Design), one per curve."""
INK, FAINT = "#1d2733", "#9aa5b1"
CURVE_SIZE = (3.2, 3.6)
"""Width and height [inch]."""
Curves = Mapping[str, Mapping[str, Sequence[Any]]]


def confusion_figure(
    confusion: npt.ArrayLike,
    classes: Sequence[str],
    title: str = "",
    *,
    normalised: bool = True,
    figure: Figure | None = None,
) -> Figure:
    """Plot objects by label (row) and predicted class (column), shaded by the share of the label.

    Parameters
    ----------
    confusion : (class, class)
        Counts.
    classes
        Names, up to 20 or so.
    title
        Title above the figure.
    normalised
        Whether to add a second matrix with the shares in percent.
    figure
        An empty figure to draw on; by default a new one.
    """
    counts = np.asarray(confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.1 + 0.4 * max(len(classes), 4) + 0.06 * max(map(len, classes))
    figure = figure or Figure(layout="constrained")
    figure.set_size_inches(side * (2 if normalised else 1), side)
    panels = figure.subplots(1, 2 if normalised else 1, squeeze=False)[0]
    _matrix(panels[0], [[f"{count:,}" if count else "" for count in row] for row in counts], share, classes)
    if normalised:
        texts = [[_percent(part) for part in row] for row in share]
        _matrix(panels[1], texts, share, classes)
        panels[0].set_title("objects", fontsize=9)
        panels[1].set_title("percent of the label (recall)", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _percent(share: float) -> str:
    """Format whole percents; shares near 0 or 1 become <1 or >99."""
    if share in (0, 1):
        return "100" if share else ""
    return "<1" if share < 0.005 else ">99" if share > 0.995 else f"{100 * share:.0f}"


def _matrix(axes: Axes, texts: list[list[str]], share: npt.NDArray[np.float64], classes: Sequence[str]) -> None:
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    size = 8 if max(len(text) for row in texts for text in row) <= 5 else 6.5
    for (row, column), part in np.ndenumerate(share):
        shade = "white" if part > 0.5 else INK
        axes.text(column, row, texts[row][column], ha="center", va="center", color=shade, fontsize=size)
    aslant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    turned: dict[str, Any] = aslant if max(map(len, classes)) > 3 else {}
    axes.set_xticks(range(len(classes)), classes, fontsize=8, **turned)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("label", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def reliability_figure(curves: Curves, title: str = "") -> Figure:
    """Plot accuracy in bins of confidence, with the binomial error if calibrated; below, objects per bin."""
    figure = Figure(CURVE_SIZE, layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", label="calibrated")
    for (name, curve), color in zip(curves.items(), COLORS, strict=False):
        style = {"marker": "o", "markersize": 4, "capsize": 2, "color": color, "label": name}
        accuracy, error = np.asarray(curve["accuracy"]), np.asarray(curve["error"])
        ends = np.minimum(error, np.clip([accuracy, 1 - accuracy], 0, None))  # no accuracy is below 0 or above 1
        axes.errorbar(curve["confidence"], accuracy, ends, **style)
        below.vlines(curve["confidence"], 0, curve["count"], color=color, linewidth=4, alpha=0.6)
    axes.set(xlim=(0, 1.02), ylim=(-0.04, 1.04), title=title)
    axes.set_ylabel("accuracy", fontsize=9)
    below.set(ylim=(0, None))
    below.set_xlabel("confidence", fontsize=9)
    below.set_ylabel("objects", fontsize=9)
    return _finished(figure, axes, below, legend=len(curves) > 1)


def coverage_figure(curves: Curves, title: str = "") -> Figure:
    """Plot accuracy among the answered objects against their share, and mark the thresholds of confidence."""
    figure = Figure(CURVE_SIZE, layout="constrained")
    axes = figure.subplots()
    for (name, curve), color in zip(curves.items(), COLORS, strict=False):
        answered, right = np.asarray(curve["answered"]), np.asarray(curve["accuracy"])
        axes.plot(answered, right, color=color, label=name)
        for number, (point, thresholds) in enumerate(_passed(curve).items()):
            axes.plot(*point, marker="o", markersize=4, color=color)
            words = f"≥ {', '.join(f'{threshold:g}' for threshold in thresholds)}"
            # The first is at the right edge; neighbours stand on either side of the curve, which falls.
            offset, side = ((4, 3), "left") if number % 2 else ((-4, -9), "right")
            axes.annotate(words, point, offset, textcoords="offset points", ha=side, fontsize=7, color=color)
    lowest = min((min(curve["accuracy"]) for curve in curves.values()), default=0)
    axes.set(xlim=(0, 1.02), ylim=(max(0, lowest - 0.05), 1.02), title=title)
    axes.set_xlabel("share of objects answered", fontsize=9)
    axes.set_ylabel("accuracy among them", fontsize=9)
    return _finished(figure, axes, legend=len(curves) > 1)


def _passed(curve: Mapping[str, Sequence[Any]]) -> dict[tuple[float, float], list[float]]:
    """Return the points of a curve where thresholds of confidence lie, and which: several may lie on one point."""
    found: dict[tuple[float, float], list[float]] = {}
    for threshold in THRESHOLDS:
        if len(indices := np.flatnonzero(np.asarray(curve["threshold"]) >= threshold)):
            point = curve["answered"][indices[-1]], curve["accuracy"][indices[-1]]
            found.setdefault(point, []).append(threshold)
    return found


def training_figure(history: Mapping[str, Sequence[float]], best: int | None = None, title: str = "") -> Figure:
    """Plot the losses after each epoch, other series of the history below, and mark the best epoch.

    Parameters
    ----------
    history
        `loss`, `val_loss` and any other series, one number per epoch.
    best
        Number of the best epoch, from 0; its weights are used.
    """
    losses = {name: values for name, values in history.items() if "loss" in name}
    others = {name: values for name, values in history.items() if name not in losses}
    panels = [part for part in (losses, others) if part] or [{}]
    figure = Figure((5.2, 1.2 + 2.2 * len(panels)), layout="constrained")
    drawn = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axes, part in zip(drawn, panels, strict=True):
        for (name, values), color in zip(part.items(), COLORS, strict=False):
            marker = "o" if len(values) < 3 else None
            axes.plot(np.arange(1, len(values) + 1), values, color=color, label=WORDS.get(name, name), marker=marker)
        if best is not None:
            axes.axvline(best + 1, color=FAINT, linewidth=1, linestyle="--", label=f"best epoch, {best + 1}")
        axes.set_ylabel("loss" if part is losses else "")
        if part:
            axes.legend(fontsize=8, frameon=False)
    drawn[-1].set_xlabel("epoch")
    drawn[-1].xaxis.get_major_locator().set_params(integer=True)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


WORDS = {"loss": "training", "val_loss": "held out"}
"""Legend labels for the usual series of a history."""


def _finished(figure: Figure, *panels: Axes, legend: bool) -> Figure:
    for axes in panels:
        axes.tick_params(labelsize=7)
        axes.title.set_fontsize(11)
        axes.spines[["top", "right"]].set_visible(False)
    if legend:
        panels[0].legend(fontsize=8, frameon=False)
    return figure
