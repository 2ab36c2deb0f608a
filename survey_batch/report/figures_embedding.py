"""The map of an embedding: its two principal components, coloured as everything on the page is."""

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from survey_batch.core.arrays import F4, F8, Flags
from survey_batch.core.wording import counted
from survey_batch.models.classes import class_numbers, classes_among, sequence_length
from survey_batch.models.neighbour_votes import VOTERS, votes_of
from survey_batch.models.summary import mean_figure, summary
from survey_batch.report.examples import STRANGEST
from survey_batch.report.figures_scores import card, class_table
from survey_batch.report.figures_sky import PANEL_OBJECTS, by_group, legend, look
from survey_batch.report.objects import Objects, spread
from survey_batch.report.page import Section, plot, section, tag
from survey_batch.report.style import INK

FIGURE_SIZE = (7.0, 5.0)
"""Width and height [inch]."""
ASKED = 2000
"""Most objects whose neighbours are asked for their label."""
CARDS = {"accuracy": "accuracy of the vote", "macro_f1": "macro F1", "same_class": "neighbours of the same class"}


def embedding_section(objects: Objects, embedding: F4) -> Section:
    """Make the section with the map; the strangest objects are ringed."""
    known = np.asarray(np.isfinite(embedding).all(axis=1), bool)
    place, share = principal_plane(embedding, known)
    score = np.where(known, objects.outlier_score, np.nan)
    strange = np.flatnonzero(np.isfinite(score))
    strange = strange[np.argsort(-score[strange], kind="stable")][:STRANGEST]
    shown = spread(np.flatnonzero(known), PANEL_OBJECTS)
    figure = Figure(FIGURE_SIZE, layout="constrained")
    axes = figure.subplots()
    for name, members in by_group(objects, shown):
        size = 13 if len(shown) < 2000 else 4
        axes.scatter(place[members, 0], place[members, 1], size, **look(objects, name), alpha=0.85)
    axes.scatter(place[strange, 0], place[strange, 1], 70, facecolors="none", edgecolors=INK, linewidths=0.8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    names = [f"principal component {rank} ({100 * part:.0f} % of the variance)" for rank, part in enumerate(share, 1)]
    axes.set_xlabel(names[0], fontsize=8.5)
    axes.set_ylabel(names[1], fontsize=8.5)
    few = "" if len(shown) == known.sum() else f"{len(shown):,} of {counted(known.sum(), 'point')}, evenly spaced. "
    words = f"Map of {counted(len(shown), 'object')} in the plane of the embedding's two largest principal components"
    return section(
        "Which are alike",
        legend(objects),
        plot(figure, words, "plot middle"),
        note=f"{objects.sampled}{few}The embedding's {embedding.shape[1]} dimensions seen in the plane of their two "
        f"largest principal components. Colour and shape: {objects.group_title}. Ringed: the {len(strange)} strangest.",
    )


def neighbour_section(objects: Objects, embedding: F4) -> Iterator[Section]:
    """Make the section that says how often neighbours share a label, if there are two labels."""
    known = np.flatnonzero(np.isfinite(embedding).all(axis=1) & (objects.label != ""))
    classes = classes_among(objects.label[known])
    if len(classes) < 2 or not objects.classes:  # as many labels as objects are no classes
        return
    true = np.full(len(objects), -1)
    true[known] = class_numbers(objects.label[known], classes)
    asked = spread(known, ASKED)
    votes = votes_of(embedding, true, objects.star, asked, known)
    there = votes.chosen >= 0
    if not there.any():
        return
    own, star = true[asked][there], objects.star[asked][there]
    scores = summary(own, votes.chosen[there], classes, sequence_length(classes), star)
    same, _, interval = mean_figure(own, votes.same[there], classes, star)
    scores |= {"same_class": same, "same_class_95": interval}
    yield section(
        "How often neighbours are of one class",
        tag("div", *(card(scores, key, name) for key, name in CARDS.items()), class_="cards"),
        class_table(scores, objects),
        note=f"{objects.sampled}{counted(scores['objects'], 'object')}, each given the commonest label of the "
        f"nearest {min(VOTERS, len(known))} among {counted(len(known), 'labelled object')}; visits of its own star are "
        "left out. In brackets: 95 % of 2,000 bootstrap draws of whole stars.",
    )


def principal_plane(embedding: F4, known: Flags) -> tuple[F8, F8]:
    """Project vectors, (object, dimension), to their two largest principal components.

    Returns
    -------
    place : (object, 2)
        NaN where a vector is not known.
    share : (2,)
        Of the variance.
    """
    place = np.full((len(embedding), 2), np.nan)
    exact = embedding[known].astype(np.float64)
    if len(exact) < 2 or exact.shape[1] < 2:
        return place, np.zeros(2)
    centred = exact - exact.mean(axis=0)
    strength, axes = np.linalg.eigh(centred.T @ centred)
    place[known] = centred @ axes[:, :-3:-1]
    return place, np.asarray(strength[:-3:-1] / max(strength.sum(), 1e-300))
