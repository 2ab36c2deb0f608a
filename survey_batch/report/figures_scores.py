"""How good the predictions are, for objects with labels: confusion, scores, reliability and abstention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, Index
from survey_batch.core.wording import counted
from survey_batch.models.classes import sequence_length
from survey_batch.models.figures import confusion_figure, coverage_figure, reliability_figure
from survey_batch.models.summary import probabilistic_summary, summary
from survey_batch.report.classifier import with_95
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, badge, plot, scroll_box, section, table, tag

SPLIT_NOTES = {
    "test": "Held out, if the classifier was trained on this job: what to expect of new objects like these.",
    "train": "If the classifier was trained on this job, it has seen these objects: they show memory, not skill.",
    "validation": "If the classifier was trained on this job, it was tuned on these objects.",
    "": "These objects belong to no split; whether the classifier was trained on them is not known here.",
}

NOTE = (
    "In brackets: 95 % of 2,000 bootstrap draws of whole stars. Classes are in the shares found among these objects. "
    "Every object counts with its most probable class, even if it was left without a class."
)

SMALLEST = 0.75
"""Share of its size down to which the matrix shrinks on a small screen; then it scrolls."""
CURVE = "plot curve"
COMMONEST = 3
"""Errors that the text for the confusion matrix names."""


@dataclass(frozen=True)
class Scored:
    """Objects of one split with a label and a prediction: class numbers and stars, (n,), probabilities, (n, class)."""

    split: str
    true: Index
    probability: F4
    star: npt.NDArray[np.int64]

    @property
    def predicted(self) -> Index:
        """Most probable class."""
        return np.asarray(self.probability.argmax(axis=1), np.intp)

    def scores(self, classes: tuple[str, ...]) -> dict[str, Any]:
        """All figures."""
        ordered = sequence_length(classes)
        return {
            **summary(self.true, self.predicted, classes, ordered, self.star),
            **probabilistic_summary(self.true, self.probability, classes, self.star),
        }


def score_section(objects: Objects, threshold: float = 0.0) -> Iterator[Html]:
    """Make the section if any object has both one of the classifier's labels and a prediction."""
    parts, left_out = split_scored(objects)
    abstained = abstentions(objects, threshold)
    if parts:
        blocks = [block for part in parts for block in _part(part, objects)]
        note = f"{objects.sampled}{_left_out(left_out)} {NOTE}"
        yield section("How good the predictions are", *abstained, *blocks, note=note)
    elif abstained:
        yield section("Objects without a class", *abstained)


def abstentions(objects: Objects, threshold: float) -> list[Html]:
    """Say how many objects have no class because their confidence is too low, if the job has a threshold."""
    if not threshold:
        return []
    known = np.isfinite(objects.confidence)
    number = int(np.sum(known & (objects.predicted == "")))
    share = f" ({100 * number / known.sum():.1f} %)" if known.any() else ""
    words = (
        f"{number:,} of {counted(int(known.sum()), 'predicted object')}{share} left without a class: their confidence "
    )
    return [tag("p", words, f"is below {threshold:g}. Their probabilities are stored.")]


def split_scored(objects: Objects) -> tuple[list[Scored], dict[str, int]]:
    """Find the objects that can be scored, by split (test first), and count those that cannot, by reason."""
    if objects.probability is None:
        return [], {}
    index_of = {name: number for number, name in enumerate(objects.classes)}
    true = np.array([index_of.get(str(label), -1) for label in objects.label], dtype=np.intp)
    answered = np.isfinite(objects.probability).all(axis=1)
    left_out = {
        "without a label that the classifier knows": int((true < 0).sum()),
        "without a prediction": int((~answered & (true >= 0)).sum()),
    }
    order = [name for name in ("test", "validation", "train", "") if name in set(objects.split)]
    order += sorted(set(objects.split) - set(order))
    masks = [(name, (objects.split == name) & (true >= 0) & answered) for name in order]
    made = [Scored(name, true[m], objects.probability[m], objects.star[m]) for name, m in masks if m.any()]
    return made, left_out


def _left_out(left_out: dict[str, int]) -> str:
    counted = [f"{number:,} {reason}" for reason, number in left_out.items() if number]
    return f"Objects not counted: {', '.join(counted)}." if counted else "All objects are counted."


def _part(part: Scored, objects: Objects) -> Iterator[Html]:
    scores = part.scores(objects.classes)
    numbers = f": {counted(scores['objects'], 'object')}, {scores['stars']:,} distinct"
    yield tag("h3", f"Split “{part.split}”" if part.split else "No split", numbers)
    yield tag("p", SPLIT_NOTES.get(part.split, ""), class_="note")
    yield tag("div", *(card(scores, key, name) for key, name in _headlines(scores)), class_="cards")
    counts = confusion_figure(scores["confusion"], objects.classes, normalised=False)
    matrix = plot(counts, in_words(scores, objects), least=SMALLEST)
    curves = (
        plot(reliability_figure({"": scores["reliability"]}), _reliability_in_words(scores["reliability"]), CURVE),
        plot(
            coverage_figure({"": scores["coverage"]["curve"]}), _coverage_in_words(scores["coverage"]["table"]), CURVE
        ),
    )
    yield tag("div", scroll_box(matrix, "Confusion matrix"), *curves, class_="row")
    yield tag("div", tag("div", class_table(scores, objects), class_="wide"), _coverage_table(scores), class_="row")


def in_words(scores: dict[str, Any], objects: Objects) -> str:
    """Say what the confusion matrix shows: rights per class, and the commonest wrong answers."""
    counts = np.asarray(scores["confusion"])
    names = objects.classes
    right = (f"{counts[n, n]:,} of {counts[n].sum():,} {name}" for n, name in enumerate(names) if counts[n].any())
    wrong = counts * (1 - np.eye(len(names), dtype=int))
    cells = [np.unravel_index(n, wrong.shape) for n in np.argsort(-wrong, axis=None, kind="stable")[:COMMONEST]]
    errors = [f"{wrong[label, best]:,} {names[label]} as {names[best]}" for label, best in cells if wrong[label, best]]
    most = f" The commonest errors: {', '.join(errors)}." if errors else ""
    return f"Confusion matrix of {counted(counts.sum(), 'object')}. Predicted as labelled: {', '.join(right)}.{most}"


def _reliability_in_words(curve: dict[str, Any]) -> str:
    bins = zip(curve["confidence"], curve["accuracy"], curve["count"], strict=True)
    words = (f"{right:.2f} at {sure:.2f} ({counted(count, 'object')})" for sure, right, count in bins if count)
    return f"Accuracy against confidence: {', '.join(words)}"


def _coverage_in_words(rows: list[dict[str, Any]]) -> str:
    words = (
        f"{row['accuracy']:.2f} for the {100 * row['answered']:.0f} % with confidence of at least {row['threshold']:g}"
        for row in rows
        if row["accuracy"] is not None
    )
    return f"Accuracy against the share of objects answered: {', '.join(words)}"


def _headlines(scores: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "accuracy", "accuracy"
    yield "macro_f1", "macro F1"
    if scores["within_one_class"] is not None:
        yield "within_one_class", "within one class"
    if len(scores["per_class"]) > 2:
        yield "top_2", "among the top 2"
    yield "expected_calibration_error", "calibration error"


def card(scores: dict[str, Any], key: str, name: str) -> Html:
    """Make the card of a figure."""
    ends = scores.get(f"{key}_95")
    below = f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""
    if key == "expected_calibration_error":
        below = f"{scores['expected_calibration_error_by_chance']:.3f} by chance alone"
    return tag("div", tag("b", f"{scores[key]:.3f}"), tag("span", name), tag("small", below), class_="card")


def class_table(scores: dict[str, Any], objects: Objects) -> Html:
    """Make the table of the figures of each class."""
    rows = [
        (
            badge(name, objects.colors[name]),
            f"{one['support']:,}",
            *(with_95(one, key, 2) for key in ("precision", "recall", "f1")),
        )
        for name, one in scores["per_class"].items()
    ]
    return table(
        ("class", "labelled", "precision", "recall", "F1"), rows, numeric=(1, 2, 3, 4), label="Scores of each class"
    )


def _coverage_table(scores: dict[str, Any]) -> Html:
    rows = [
        (f"{row['threshold']:g}", f"{100 * row['answered']:.1f} %", with_95(row, "accuracy", 2))
        for row in scores["coverage"]["table"]
    ]
    label = "Accuracy above a confidence"
    made = table(("confidence of", "answered", "accuracy"), rows, numeric=(0, 1, 2), label=label)
    return tag("div", made, class_="narrow")
