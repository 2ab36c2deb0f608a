"""The pictures in a trained classifier's folder. No display is needed."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def confusion_plot(confusion: list[list[int]], classes: tuple[str, ...], title: str, path: Path) -> None:
    """Counts by true (row) and predicted (column) class, shaded by the share of the true class (recall)."""
    counts = np.array(confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure((5.2, 4.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        shade = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade)
    axes.set(xlabel="predicted class", ylabel="true class", title=title)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    figure.colorbar(image, label="share of the true class")
    figure.savefig(path, dpi=120)


def reliability_plot(curves: dict[str, dict[str, list[Any]]], title: str, path: Path) -> None:
    """Accuracy against confidence, the number of objects beside each point."""
    figure = Figure((4.8, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, label="calibrated")
    for name, curve in curves.items():
        axes.plot(curve["confidence"], curve["accuracy"], marker="o", label=name)
        for x, y, count in zip(curve["confidence"], curve["accuracy"], curve["count"], strict=True):
            axes.annotate(str(count), (x, y), xytext=(4, -10), textcoords="offset points", fontsize=7)
    axes.set(xlabel="confidence", ylabel="accuracy", title=title, xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=120)


def training_plot(losses: list[float], path: Path) -> None:
    """Mean training loss of each epoch."""
    figure = Figure((5.2, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot(np.arange(1, len(losses) + 1), losses)
    axes.set(xlabel="epoch", ylabel="loss on augmented examples", title="Training", ylim=(0, None))
    figure.savefig(path, dpi=120)
