"""The choice of example objects, and the text beside each."""

from collections.abc import Callable, Iterator

import numpy as np

from survey_batch.core.arrays import Index
from survey_batch.report.objects import Objects, spread
from survey_batch.report.page import Html, badge, bar, tag
from survey_batch.report.style import STATUS_COLORS

EXAMPLES = 12
PARTIAL_EXAMPLES = 3
UNCERTAIN = 4
WRONG = 8
FEW_CLASSES = 7
"""Up to this many classes, two objects of each class are shown; with more classes, one."""

Group = tuple[str, Index]
"""A title, and the places of its objects."""


def gallery(objects: Objects, card: Callable[[int], Html], *, small: bool = False) -> list[Html]:
    """Lay out cards of the chosen objects under their titles."""
    parts: list[Html] = []
    for title, places in chosen(objects):
        cards = [card(int(place)) for place in places]
        parts += [tag("h3", title), tag("div", *cards, class_="grid small" if small else "grid")]
    return parts


def chosen(objects: Objects) -> Iterator[Group]:
    """Yield titles and places of the examples; groups that do not exist are left out."""
    groups = (
        _predicted(objects)
        if objects.probability is not None
        else [("Evenly spaced, not the best ones", _evenly(objects))]
    )
    return ((title, places) for title, places in groups if len(places))


def _predicted(objects: Objects) -> Iterator[Group]:
    """Yield sure right and wrong answers if labels are known, else the surest of each class; then the least sure."""
    usable = np.flatnonzero(objects.usable)
    known = usable[np.isfinite(objects.confidence[usable])]
    ranked = known[np.argsort(-objects.confidence[known], kind="stable")]
    labelled = np.isin(objects.label[ranked], objects.classes)
    right = objects.label[ranked] == objects.best[ranked]
    title, pool = "By predicted class", ranked
    if labelled.any():
        title, pool = "Predicted as labelled", ranked[right]
    each = [_surest(pool[objects.best[pool] == name], len(objects.classes)) for name in objects.classes]
    yield f"{title}: the surest{_and_median(objects)}", np.concatenate([*each, pool[:0]])
    wrong = ranked[labelled & ~right]
    yield f"Predicted differently from the label, the surest of {len(wrong):,}", wrong[:WRONG]
    yield "The most uncertain", ranked[::-1][:UNCERTAIN]
    partial = usable[objects.status[usable] == "partial"]
    yield f"Partial, of {len(partial):,}", spread(partial, PARTIAL_EXAMPLES)


def _and_median(objects: Objects) -> str:
    return ", and one of medium confidence" if len(objects.classes) <= FEW_CLASSES else ""


def _surest(ranked: Index, classes: int) -> Index:
    """Return the first and, if there are few classes, the one in the middle."""
    places = [0, len(ranked) // 2] if classes <= FEW_CLASSES else [0]
    return ranked[sorted(set(places))] if len(ranked) else ranked


def _evenly(objects: Objects) -> Index:
    """Choose equally many examples of each label, or of all objects, always with some partial ones."""
    usable = np.flatnonzero(objects.usable)
    partial = usable[objects.status[usable] == "partial"]
    whole = np.setdiff1d(usable, partial)
    few = spread(partial, PARTIAL_EXAMPLES if len(whole) else EXAMPLES)
    names = objects.classes or ("",)
    each = -(-(EXAMPLES - len(few)) // len(names))
    places = [spread(whole[objects.group[whole] == name] if objects.classes else whole, each) for name in names]
    return np.concatenate([*places, few])


def caption(objects: Objects, place: int) -> Html:
    """Write an object's name, position, label and split."""
    label, split = str(objects.label[place]), str(objects.split[place])
    status = str(objects.status[place])
    here = np.isfinite([objects.ra[place], objects.dec[place]]).all()
    position = f"{objects.ra[place]:.5f}° {objects.dec[place]:+.5f}°" if here else ""
    words = f"label {label}" if label else "no label" if objects.probability is not None else ""
    return tag(
        "figcaption",
        tag("span", str(objects.object_id[place]), class_="id"),
        *([tag("span", position)] if position else []),
        *([tag("span", f"{words}, {split}" if split else words)] if words else []),
        *([badge(status, STATUS_COLORS[status])] if status != "ok" or not words else []),
    )


def probabilities(objects: Objects, place: int) -> Iterator[Html]:
    """Make a bar of all classes' probabilities, with the largest in words."""
    if objects.probability is None or not np.isfinite(objects.confidence[place]):
        return
    probability = objects.probability[place]
    pairs = [(name, float(p), objects.colors[name]) for name, p in zip(objects.classes, probability, strict=True)]
    yield bar((f"{name}: {p:.3f}", p, color) for name, p, color in pairs if p >= 0.005)
    best = sorted(pairs, key=lambda pair: -pair[1])[:3]
    words = [badge(f"{name} {p:.2f}", color) for name, p, color in best if p >= 0.005]
    abstained = [] if objects.predicted[place] else ["no class: below the threshold"]
    yield tag("div", *words, *abstained, class_="note small")
