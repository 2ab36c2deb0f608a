"""Figures of estimated quantities, for a classifier's folder and for the report; no display is needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from survey_batch.core.arrays import F8
from survey_batch.models.figures import COLORS, CURVE_SIZE, FAINT, Curves
from survey_batch.models.manifest import Quantity
from survey_batch.models.scales import scale_of
from survey_batch.models.value_scores import residuals

Points = Mapping[str, Sequence[float]]
"""`catalogue` and `value` of some objects, and `error` if there is one."""
PANEL_INCHES = 3.6
MOST_ERROR_BARS = 300
"""With more points, error bars would hide them."""


def residuals_figure(points: Mapping[str, Points], quantities: Sequence[Quantity], title: str = "") -> Figure:
    """Plot, for each quantity, estimates against the catalogue with their errors, and below their residuals.

    Parameters
    ----------
    points
        Some objects, by the quantity's name.
    quantities
        In the order of the panels.
    title
        Title above the figure.
    """
    figure = Figure((PANEL_INCHES * max(len(quantities), 1) + 0.4, 5.2), layout="constrained")
    panels = figure.subplots(2, len(quantities), squeeze=False, sharex="col", height_ratios=(2, 1))
    for (above, below), quantity in zip(panels.T, quantities, strict=True):
        given = {name: np.asarray(values, np.float64) for name, values in points[quantity.name].items()}
        _estimates(above, given, quantity)
        _residuals(below, given, quantity)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def intervals_figure(curves: Curves, title: str = "") -> Figure:
    """Plot the share of catalogue values that lie inside the stated intervals against the interval's own share."""
    figure = Figure(CURVE_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
    for index, (name, curve) in enumerate(curves.items()):
        color = COLORS[index % len(COLORS)]
        axes.plot(curve["stated"], curve["found"], marker="o", markersize=3, color=color, label=name)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), title=title)
    axes.set_xlabel("share that the interval states", fontsize=9)
    axes.set_ylabel("share of objects inside it", fontsize=9)
    axes.title.set_fontsize(11)
    axes.legend(fontsize=7, frameon=False)
    _plain(axes)
    return figure


def _estimates(axes: Axes, given: Mapping[str, F8], quantity: Quantity) -> None:
    true, value = given["catalogue"], given["value"]
    style: dict[str, Any] = {"color": COLORS[0], "alpha": 0.6}
    if "error" in given and len(true) <= MOST_ERROR_BARS:
        axes.errorbar(true, value, given["error"], fmt="o", markersize=2.5, linewidth=0.6, **style)
    else:
        axes.plot(true, value, "o", markersize=2.5, markeredgewidth=0, **style)
    ends = [min(true.min(), value.min()), max(true.max(), value.max())]
    axes.plot(ends, ends, color=FAINT, linewidth=1, linestyle="--")
    axes.set_ylabel(f"{quantity.name}, estimated{_unit(quantity)}", fontsize=9)
    _plain(axes)


def _residuals(axes: Axes, given: Mapping[str, F8], quantity: Quantity) -> None:
    true = given["catalogue"]
    residual = residuals(true, given["value"], quantity)
    axes.axhline(0, color=FAINT, linewidth=1, linestyle="--")
    axes.plot(true, residual, "o", markersize=2.5, markeredgewidth=0, color=COLORS[0], alpha=0.6)
    axes.set_xlabel(f"{quantity.name} in the catalogue{_unit(quantity)}", fontsize=9)
    axes.set_ylabel(scale_of(quantity).residual, fontsize=7)
    _plain(axes)


def _unit(quantity: Quantity) -> str:
    return "" if quantity.units == "1" else f" [{quantity.units}]"


def _plain(axes: Axes) -> None:
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
