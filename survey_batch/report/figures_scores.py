"""How good the predictions are where labels are known: confusion, scores and reliability."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from survey_batch.classifiers.calibration import expected_calibration_error, reliability
from survey_batch.classifiers.metrics import accuracy, confusion_matrix, macro_f1, per_class
from survey_batch.report.objects import Index, Objects
from survey_batch.report.page import Html, badge, plot, section, table, tag

F4 = npt.NDArray[np.float32]

SPLIT_NOTES = {
    "test": "Held out, if the classifier was trained on this job: what to expect of new objects like these.",
    "train": "If the classifier was trained on this job, it has seen these objects: they show memory, not skill.",
    "validation": "If the classifier was trained on this job, it was tuned on these objects.",
    "": "These objects belong to no split; whether the classifier was trained on them is not known here.",
}


ERROR_NOTE = "± is binomial and takes repeat visits of one star as independent."


@dataclass(frozen=True)
class Scored:
    """Objects of one split with a label and a prediction: class numbers, (n,), and probabilities, (n, class)."""

    split: str
    true: Index
    probability: F4

    @property
    def predicted(self) -> Index:
        """Most probable class."""
        return np.asarray(self.probability.argmax(axis=1), np.intp)


def score_section(objects: Objects) -> Iterator[Html]:
    """Make the section, where any object has both a label of the classifier's and a prediction."""
    parts, left_out = split_scored(objects)
    if parts:
        blocks = [block for part in parts for block in _part(part, objects)]
        yield section(
            "How good the predictions are", *blocks, note=f"{objects.sampled}{_left_out(left_out)} {ERROR_NOTE}"
        )


def split_scored(objects: Objects) -> tuple[list[Scored], dict[str, int]]:
    """Objects that can be scored, by split (test first), and how many cannot, by reason."""
    if objects.probability is None:
        return [], {}
    place = {name: number for number, name in enumerate(objects.classes)}
    true = np.array([place.get(str(label), -1) for label in objects.label], dtype=np.intp)
    answered = np.isfinite(objects.probability).all(axis=1)
    left_out = {
        "without a label that the classifier knows": int((true < 0).sum()),
        "without a prediction": int((~answered & (true >= 0)).sum()),
    }
    order = [name for name in ("test", "validation", "train", "") if name in set(objects.split)]
    order += sorted(set(objects.split) - set(order))
    masks = [(name, (objects.split == name) & (true >= 0) & answered) for name in order]
    return [Scored(name, true[mask], objects.probability[mask]) for name, mask in masks if mask.any()], left_out


def _left_out(left_out: dict[str, int]) -> str:
    counted = [f"{number:,} {reason}" for reason, number in left_out.items() if number]
    return f"Objects not counted: {', '.join(counted)}." if counted else "All objects are counted."


def _part(part: Scored, objects: Objects) -> Iterator[Html]:
    n, classes = len(part.true), objects.classes
    right = accuracy(part.true, part.predicted)
    error = np.sqrt(right * (1 - right) / n)
    yield tag("h3", f"Split “{part.split}”" if part.split else "No split", f": {n:,} objects")
    yield tag("p", SPLIT_NOTES.get(part.split, ""), class_="note")
    numbers = [
        (f"{right:.3f} ± {error:.3f}", "accuracy"),
        (f"{macro_f1(part.true, part.predicted, len(classes)):.3f}", "macro F1"),
        (f"{expected_calibration_error(part.true, part.probability):.3f}", "calibration error"),
    ]
    yield tag("div", *(tag("div", tag("b", v), tag("span", k), class_="card") for v, k in numbers), class_="cards")
    figures = [
        plot(confusion_figure(part, classes), "Confusion matrix"),
        plot(reliability_figure(part), "Accuracy against confidence"),
    ]
    yield tag("div", *figures, _class_table(part, objects), class_="row")


def confusion_figure(part: Scored, classes: tuple[str, ...]) -> Figure:
    """Counts by true (row) and predicted (column) class, shaded by the share of the true class."""
    counts = confusion_matrix(part.true, part.predicted, len(classes))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(1.4 + 0.42 * max(len(classes), 4), 10)
    figure = Figure((side, side - 0.3), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        shade = "white" if share[row, column] > 0.5 else "#1d2733"
        axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=shade, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, fontsize=8, rotation=45 if max(map(len, classes)) > 3 else 0)
    axes.set_yticks(range(len(classes)), classes, fontsize=8)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("label", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def reliability_figure(part: Scored) -> Figure:
    """Accuracy in bins of confidence, with binomial errors; below, how many objects each bin has."""
    curve = {name: np.array(values) for name, values in reliability(part.true, part.probability).items()}
    right, count = curve["accuracy"], curve["count"]
    figure = Figure((3.3, 3.7), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    axes.plot([0, 1], [0, 1], color="#9aa5b1", linewidth=1, linestyle="--")
    axes.errorbar(
        curve["confidence"],
        right,
        np.sqrt(right * (1 - right) / count),
        marker="o",
        markersize=4,
        color="#0072B2",
        capsize=2,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    axes.set_ylabel("accuracy", fontsize=9)
    below.bar(curve["confidence"], count, width=0.06, color="#8fa3b8")
    below.set_xlabel("confidence", fontsize=9)
    below.set_ylabel("objects", fontsize=9)
    for each in (axes, below):
        each.tick_params(labelsize=7)
        each.spines[["top", "right"]].set_visible(False)
    return figure


def _class_table(part: Scored, objects: Objects) -> Html:
    scores = per_class(confusion_matrix(part.true, part.predicted, len(objects.classes)))
    rows = [
        (
            badge(name, objects.colors[name]),
            f"{int(scores['support'][place]):,}",
            *(
                "–" if np.isnan(scores[key][place]) else f"{scores[key][place]:.2f}"
                for key in ("precision", "recall", "f1")
            ),
        )
        for place, name in enumerate(objects.classes)
    ]
    return tag(
        "div", table(("class", "labelled", "precision", "recall", "F1"), rows, numeric=(1, 2, 3, 4)), class_="narrow"
    )
