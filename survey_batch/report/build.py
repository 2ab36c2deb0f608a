"""The page as a whole: the sections that an output's products allow."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import zarr

from survey_batch.report.classifier import classifier_section, threshold_of
from survey_batch.report.examples import shown_objects
from survey_batch.report.figures_embedding import embedding_section, neighbour_section
from survey_batch.report.figures_images import composite_section, cutout_section, stamp_section
from survey_batch.report.figures_scores import score_section
from survey_batch.report.figures_sky import sky_section
from survey_batch.report.figures_spectra import spectrum_section
from survey_batch.report.figures_values import value_section
from survey_batch.report.objects import Objects, read_objects
from survey_batch.report.overview import head, settings_section, stage_section, timing_section
from survey_batch.report.page import Html, document
from survey_batch.report.problems import problem_section, read_kinds
from survey_batch.report.reading import read_group
from survey_batch.report.runs import utc_now
from survey_batch.report.summary import RunStatus, summarize

EXAMPLES_OF = {
    "cutouts": cutout_section,
    "composites": composite_section,
    "spectra": spectrum_section,
    "stamps": stamp_section,
}
"""Products from which the page shows some objects."""


def build_page(output: str) -> str:
    """Make the HTML page about an output.

    Raises
    ------
    ConfigurationError
        No run has started there.
    """
    status = summarize(output)
    made = utc_now().strftime("%Y-%m-%d %H:%M UTC")
    footer = f"Written {made} by survey_batch from {output}. Everything on this page is in this one file."
    return document(str(status.job["name"]), _sections(status), footer, head(status))


def _sections(status: RunStatus) -> Iterator[Html]:
    yield stage_section(status)
    objects = read_objects(status)
    galleries = _galleries(status, objects)
    if status.problems:
        problems = read_kinds(status)
        shown = shown_objects(objects, next(iter(galleries))) if objects is not None and galleries else {}
        yield problem_section(status, problems, shown)
        if objects is not None:
            found = {row: (kind.anchor, message) for row, (kind, message) in problems.of_rows(shown).items()}
            objects = replace(objects, problems=found)
    if objects is not None:
        if np.isfinite(objects.ra).any():
            yield sky_section(objects)
        predictions = read_group(status.output, "predictions")
        if predictions is not None and objects.probability is not None:
            yield from classifier_section(predictions, objects)
            yield from score_section(objects, threshold_of(predictions))
        if predictions is not None and objects.embedding is not None:
            yield from classifier_section(predictions, objects)
            yield embedding_section(objects, objects.embedding)
            yield from neighbour_section(objects, objects.embedding)
        if predictions is not None and "value" in predictions:
            yield from classifier_section(predictions, objects)
            yield from value_section(status, predictions, objects)
        for product, group in galleries.items():
            yield EXAMPLES_OF[product](group, objects)
    if any(stage.rate is not None for stage in status.stages):
        yield timing_section(status)
    yield settings_section(status)


def _galleries(status: RunStatus, objects: Objects | None) -> dict[str, zarr.Group]:
    """Open the products of which objects are shown, in the page's order."""
    if objects is None or not objects.usable.any():
        return {}
    groups = {product: read_group(status.output, product) for product in EXAMPLES_OF}
    return {product: group for product, group in groups.items() if group is not None}
