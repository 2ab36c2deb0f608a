"""The plots in a trained classifier's folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from survey_batch.models.figures import confusion_figure, coverage_figure, reliability_figure, training_figure
from survey_batch.models.manifest import Quantity
from survey_batch.models.value_figures import Points, intervals_figure, residuals_figure

DPI = 120


def confusion_plot(confusion: list[list[int]], classes: Sequence[str], title: str, path: Path) -> None:
    """Plot counts by label (row) and predicted class (column), and shares of the label."""
    _save(confusion_figure(confusion, classes, title), path)


def reliability_plot(curves: Mapping[str, Mapping[str, Sequence[Any]]], title: str, path: Path) -> None:
    """Plot accuracy against confidence, for curves of `calibration.reliability` by name."""
    _save(reliability_figure(curves, title), path)


def coverage_plot(curves: Mapping[str, Mapping[str, Sequence[Any]]], title: str, path: Path) -> None:
    """Plot accuracy among answered objects against their share, for curves of `abstention.coverage` by name."""
    _save(coverage_figure(curves, title), path)


def residuals_plot(points: Mapping[str, Points], quantities: Sequence[Quantity], title: str, path: Path) -> None:
    """Plot estimates against the catalogue, and their residuals, for each quantity."""
    _save(residuals_figure(points, quantities, title), path)


def intervals_plot(curves: Mapping[str, Mapping[str, Sequence[Any]]], title: str, path: Path) -> None:
    """Plot the share of catalogue values inside intervals against the stated share, for curves by name."""
    _save(intervals_figure(curves, title), path)


def training_plot(history: Mapping[str, Sequence[float]], path: Path, best: int | None = None) -> None:
    """Plot the losses of each epoch (`loss`, `val_loss`), and mark the best epoch (numbered from 0)."""
    _save(training_figure(history, best, "Training"), path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=DPI)
