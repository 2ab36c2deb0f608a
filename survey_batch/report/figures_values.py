"""The estimated quantities: their model, and how they compare with the catalogue where it has the columns."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import zarr
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pydantic import ValidationError

from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.config.job import Job
from survey_batch.core.arrays import F8, Flags
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.wording import counted
from survey_batch.models.manifest import Quantity
from survey_batch.models.scales import forward
from survey_batch.models.value_figures import intervals_figure, residuals_figure
from survey_batch.models.value_scores import scores_of_values
from survey_batch.planning.columns import read_columns
from survey_batch.report.classifier import value_table
from survey_batch.report.figures_scores import CURVE, SPLIT_NOTES
from survey_batch.report.objects import Objects
from survey_batch.report.page import Html, plot, section, tag
from survey_batch.report.reading import read_array
from survey_batch.report.style import INK
from survey_batch.report.summary import RunStatus
from survey_batch.results.export.matching import match
from survey_batch.store.damage import read_attribute

log = logging.getLogger(__name__)

MOST_ROWS = 5_000_000
"""Larger catalogues are not read again for a report."""
BINS = 40
LEAST_SCORED = 3
"""Fewer objects have no spread."""


def value_section(status: RunStatus, group: zarr.Group, objects: Objects) -> Iterator[Html]:
    """Make the section on values, with scores of each split if the catalogue has a quantity's column."""
    quantities = quantities_of(group)
    value = rows_of(group, "value", objects)
    error = rows_of(group, "error", objects) if "error" in group else None
    true = catalogue_values(status, quantities, objects)
    known = np.isfinite(value).all(axis=1)
    blocks = [_distributions(value[known], quantities)] if known.any() else []
    for name in ("test", "validation", "train", ""):
        if true is not None:
            here = known & np.isfinite(forward(true, quantities)).all(axis=1) & (objects.split == name)
            if here.sum() >= LEAST_SCORED:
                blocks += _part(
                    name, true[here], value[here], None if error is None else error[here], quantities, objects, here
                )
    there = f"{objects.sampled}{known.sum():,} of {counted(len(objects), 'object')} with an estimate. "
    yield section("The estimated quantities", *blocks, note=f"{there}{_compared(true, quantities)}")


def quantities_of(group: zarr.Group) -> tuple[Quantity, ...]:
    """Read the quantities from the manifest that the product holds."""
    return tuple(Quantity.model_validate(one) for one in read_attribute(group, "classifier")["quantities"])


def rows_of(group: zarr.Group, name: str, objects: Objects) -> F8:
    """Read the rows of an array that belong to the sample, a stretch of successive rows at a time."""
    stretches = np.split(objects.row, np.flatnonzero(np.diff(objects.row) != 1) + 1)
    parts = [read_array(group, name, slice(int(rows[0]), int(rows[-1]) + 1)) for rows in stretches if len(rows)]
    return np.concatenate(parts).astype(np.float64)


def catalogue_values(status: RunStatus, quantities: tuple[Quantity, ...], objects: Objects) -> F8 | None:
    """Read what the catalogue says of the sample, (object, quantity); None if it lacks a column or cannot be read."""
    if objects.total > MOST_ROWS or not all(quantity.column for quantity in quantities):
        return None
    try:
        job = Job.model_validate({name: value for name, value in status.job.items() if name != "cluster"})
        listed = object_catalog(job)
        matched = match(job, listed, open_catalog(listed, job.archive))
        row = np.full(objects.total, -1, np.int64)
        row[matched.plan_rows] = matched.rows
        theirs = row[objects.row]
        columns = [one.column for one in quantities]
        found = read_columns(job, np.maximum(theirs, 0), columns, "the model's column").values
        return np.where(theirs[:, None] >= 0, found, np.nan)  # objects that the catalogue has no longer
    except (SurveyBatchError, ValidationError, OSError) as error:
        log.info("the estimates are not compared with the catalogue: %s", error)
        return None


def _compared(true: F8 | None, quantities: tuple[Quantity, ...]) -> str:
    columns = ", ".join(one.column or one.name for one in quantities)
    if true is None:
        return f"They are not compared with the catalogue, which has no such column ({columns}) or cannot be read."
    return (
        f"Compared with the catalogue's {columns}. In brackets: 95 % of bootstrap draws of whole stars. NMAD is the "
        "spread of the residuals from their median absolute deviation."
    )


def _distributions(value: F8, quantities: tuple[Quantity, ...]) -> Html:
    figure = Figure((3.2 * len(quantities) + 0.4, 2.2), layout="constrained")
    words = []
    for axes, column, quantity in zip(
        figure.subplots(1, len(quantities), squeeze=False)[0], value.T, quantities, strict=True
    ):
        low, middle, high = np.percentile(column, [0.5, 50, 99.5])
        axes.hist(column, bins=BINS, range=(low, high) if high > low else None, color=INK)
        unit = "" if quantity.units == "1" else f" [{quantity.units}]"
        axes.set_xlabel(f"{quantity.name}{unit}", fontsize=8.5)
        axes.set_ylabel("objects", fontsize=8.5)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        words.append(f"{quantity.name} from {column.min():.4g} to {column.max():.4g}, median {middle:.4g}")
    return plot(figure, f"Distribution of the estimates: {'; '.join(words)}")


def _part(
    split: str,
    true: F8,
    value: F8,
    error: F8 | None,
    quantities: tuple[Quantity, ...],
    objects: Objects,
    here: Flags,
) -> Iterator[Html]:
    answers = value if error is None else np.concatenate([value, error], axis=1)
    scores = scores_of_values(true, {"classifier": answers}, quantities, objects.star[here], 0)["classifier"]
    yield tag("h3", f"Split “{split}”" if split else "No split", f": {counted(scores['objects'], 'object')}")
    yield tag("p", SPLIT_NOTES.get(split, ""), class_="note")
    given = {name: one["points"] for name, one in scores["quantities"].items()}
    figures = [plot(residuals_figure(given, quantities), _in_words(scores["quantities"]))]
    curves = {name: one["intervals"] for name, one in scores["quantities"].items() if "intervals" in one}
    if curves:
        figures.append(plot(intervals_figure(curves), "Share of objects inside the stated intervals", CURVE))
    yield tag("div", *figures, class_="row")
    yield value_table({"": scores["quantities"]})


def _in_words(table_: Mapping[str, Mapping[str, Any]]) -> str:
    each = (f"{name}: NMAD {one['nmad']:.3g}, bias {one['bias']:.2g}" for name, one in table_.items())
    return f"Estimates and residuals against the catalogue. {'; '.join(each)}"
