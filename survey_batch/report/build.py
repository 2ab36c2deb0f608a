"""The page as a whole: the sections that an output's products allow."""

from collections.abc import Iterator

import numpy as np

from survey_batch.report.classifier import classifier_section, threshold_of
from survey_batch.report.figures_images import composite_section, cutout_section, stamp_section
from survey_batch.report.figures_scores import score_section
from survey_batch.report.figures_sky import sky_section
from survey_batch.report.figures_spectra import spectrum_section
from survey_batch.report.objects import read_objects
from survey_batch.report.overview import head, problem_section, settings_section, stage_section, timing_section
from survey_batch.report.page import Html, document
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
    return document(str(status.job["name"]), _sections(status), footer)


def _sections(status: RunStatus) -> Iterator[Html]:
    yield head(status)
    yield stage_section(status)
    if status.problems:
        yield problem_section(status)
    objects = read_objects(status)
    if objects is not None:
        if np.isfinite(objects.ra).any():
            yield sky_section(objects)
        predictions = read_group(status.output, "predictions")
        if predictions is not None and objects.probability is not None:
            yield from classifier_section(predictions, objects)
            yield from score_section(objects, threshold_of(predictions))
        for product, make in EXAMPLES_OF.items():
            group = read_group(status.output, product)
            if group is not None and objects.usable.any():
                yield make(group, objects)
    if any(stage.rate is not None for stage in status.stages):
        yield timing_section(status)
    yield settings_section(status)
