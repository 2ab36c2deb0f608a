"""The choice of example objects, and the text beside each."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from survey_batch.core.arrays import F4, Index
from survey_batch.models.neighbours import nearest
from survey_batch.report.objects import Objects, spread
from survey_batch.report.page import Content, Html, badge, bar, tag
from survey_batch.report.style import STATUS_COLORS

EXAMPLES = 12
PARTIAL_EXAMPLES = 3
UNCERTAIN = 4
WRONG = 8
STRANGEST, ALIKE = 20, 8
LARGE = 300
"""Wider figures stand two in a line on paper [CSS pixels]."""
FEW_CLASSES = 7
"""Up to this many classes, two objects of each class are shown; with more classes, one."""

Group = tuple[str, Index]
"""A title, and the indices of its objects."""


def gallery(objects: Objects, product: str, draw: Callable[[int], Content], width: int) -> list[Html]:
    """Lay out figures of the chosen objects under their titles.

    Parameters
    ----------
    objects
        Of the whole page.
    product : str
        What is drawn; a figure's anchor is this and the object's row.
    draw
        Makes the pictures of the object at an index.
    width : int
        Of a figure at least, where the page has room [CSS pixels].
    """
    parts: list[Html] = []
    seen: set[int] = set()  # an object may be in several groups; its first figure has the anchor
    for title, indices in chosen(objects):
        figures = []
        for index in map(int, indices):
            anchor = "" if index in seen else anchor_of(product, int(objects.row[index]))
            seen.add(index)
            inner = (caption(objects, index, product), draw(index), *probabilities(objects, index))
            figures.append(tag("figure", *inner, class_="example", id=anchor))
        parts += [
            tag("h3", title),
            tag("div", *figures, class_="grid large" if width > LARGE else "grid", style=f"--card:{width}px"),
        ]
    return parts


def anchor_of(product: str, row: int) -> str:
    """Name an object's figure on the page."""
    return f"{product}-{row}"


def shown_objects(objects: Objects, product: str) -> dict[int, tuple[str, str]]:
    """Give anchor and name of each object in the gallery of a product, by its row."""
    indices = {int(index) for _, indices in chosen(objects) for index in indices}
    rows = {int(objects.row[index]): str(objects.object_id[index]) for index in sorted(indices)}
    return {row: (anchor_of(product, row), name) for row, name in rows.items()}


def chosen(objects: Objects) -> Iterator[Group]:
    """Yield titles and indices of the examples; groups that do not exist are left out."""
    groups: Iterable[Group] = [("Evenly spaced, not the best ones", _evenly(objects))]
    if objects.probability is not None:
        groups = _predicted(objects)
    elif objects.embedding is not None:
        groups = _embedded(objects, objects.embedding)
    return ((title, indices) for title, indices in groups if len(indices))


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


def _embedded(objects: Objects, embedding: F4) -> Iterator[Group]:
    """Yield the objects most unlike all others; then a usual one, and those most like it."""
    score = objects.outlier_score
    known = np.flatnonzero(objects.usable & np.isfinite(score))
    ranked = known[np.argsort(-score[known], kind="stable")]
    yield f"The strangest of {len(known):,}: far from their 10th neighbour in the embedding", ranked[:STRANGEST]
    if len(known):
        usual = ranked[len(ranked) // 2]
        found = nearest(embedding[[usual]], [(0, embedding[known])], ALIKE).rows[0]
        alike = [known[place] for place in found if place >= 0 and known[place] != usual]
        title = f"A usual one, {objects.object_id[usual]}, and those most like it, the nearest first"
        yield title, np.array([usual, *alike], np.intp)


def _and_median(objects: Objects) -> str:
    return ", and one of medium confidence" if len(objects.classes) <= FEW_CLASSES else ""


def _surest(ranked: Index, classes: int) -> Index:
    """Return the first and, if there are few classes, the one in the middle."""
    indices = [0, len(ranked) // 2] if classes <= FEW_CLASSES else [0]
    return ranked[sorted(set(indices))] if len(ranked) else ranked


def _evenly(objects: Objects) -> Index:
    """Choose equally many examples of each label, or of all objects, always with some partial ones."""
    usable = np.flatnonzero(objects.usable)
    partial = usable[objects.status[usable] == "partial"]
    whole = np.setdiff1d(usable, partial)
    few = spread(partial, PARTIAL_EXAMPLES if len(whole) else EXAMPLES)
    names = objects.classes or ("",)
    each = -(-(EXAMPLES - len(few)) // len(names))
    indices = [spread(whole[objects.group[whole] == name] if objects.classes else whole, each) for name in names]
    return np.concatenate([*indices, few])


def caption(objects: Objects, index: int, product: str) -> Html:
    """Write an object's name, row, position, label and split, with a link to its kind of problem."""
    label, split = str(objects.label[index]), str(objects.split[index])
    status, row = str(objects.status[index]), int(objects.row[index])
    here = np.isfinite([objects.ra[index], objects.dec[index]]).all()
    position = f"{objects.ra[index]:.5f}° {objects.dec[index]:+.5f}°" if here else ""
    words = f"label {label}" if label else "no label" if objects.probability is not None else ""
    return tag(
        "figcaption",
        tag("span", str(objects.object_id[index]), class_="id"),
        tag("a", f"row {row:,}", href=f"#{anchor_of(product, row)}"),
        *([tag("span", position)] if position else []),
        *([tag("span", f"{words}, {split}" if split else words)] if words else []),
        *([_status(objects, row, status)] if status != "ok" or not words else []),
    )


def _status(objects: Objects, row: int, status: str) -> Html:
    mark = badge(status, STATUS_COLORS[status])
    if row not in objects.problems:
        return mark
    anchor, message = objects.problems[row]
    return tag("a", mark, href=f"#{anchor}", title=message)


def probabilities(objects: Objects, index: int) -> Iterator[Html]:
    """Make a bar of all classes' probabilities, with the largest in words; or say how strange an object is."""
    if objects.embedding is not None and np.isfinite(objects.outlier_score[index]):
        yield tag("div", f"outlier score {objects.outlier_score[index]:.2f}; 1 is usual", class_="note small")
    if objects.probability is None or not np.isfinite(objects.confidence[index]):
        return
    probability = objects.probability[index]
    pairs = [(name, float(p), objects.colors[name]) for name, p in zip(objects.classes, probability, strict=True)]
    yield bar((f"{name}: {p:.3f}", p, color) for name, p, color in pairs if p >= 0.005)
    best = sorted(pairs, key=lambda pair: -pair[1])[:3]
    words = [badge(f"{name} {p:.2f}", color) for name, p, color in best if p >= 0.005]
    abstained = [] if objects.predicted[index] else ["no class: below the threshold"]
    yield tag("div", *words, *abstained, class_="note small")
