"""What a job lacks to train a classifier, with the lines of the job file that are to be added."""

import json
from collections.abc import Iterator, Mapping
from textwrap import indent
from typing import Any

from survey_batch.catalog.labels import can_be_made, class_columns
from survey_batch.catalog.opening import Opened, open_catalog
from survey_batch.config.example import PREDICTIONS, example_job, value_in
from survey_batch.config.job import Job
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.awaited import awaits
from survey_batch.models.loading import family_of
from survey_batch.planning.columns import find_column

SPLIT = {"train": 0.7, "test": 0.3}


def train_table(job: Job, *, predict: bool) -> TrainingSection:
    """Return the table `[train]` of a job.

    Parameters
    ----------
    job
    predict
        Whether the job is to predict with the classifier as well.

    Raises
    ------
    ConfigurationError
        The job lacks the table, or what predictions need, with the lines to add.
    """
    lines = list(_tables(job, predict=predict))
    if job.train is None or lines:
        what = "training needs a table [train]" if job.train is None else f"run --train needs the stage {PREDICTIONS!r}"
        raise ConfigurationError(_with_lines(what, lines))
    if predict and job.predictions and job.train.classifier != job.predictions.classifier:
        raise ConfigurationError(
            f"run --train predicts with what it trains, but train.classifier is {job.train.classifier!r} and "
            f"predictions.classifier {job.predictions.classifier!r}: name one folder in both"
        )
    return job.train


def check_labels(job: Job) -> None:
    """Refuse a job whose catalogue gives no labels, no splits or no columns to train on.

    A catalogue that cannot be opened, or does not exist before the run, is left to what reads it.

    Raises
    ------
    ConfigurationError
        With the lines to add, or the columns that there are.
    """
    if job.train is None or job.catalog.detect is not None:
        return
    family = family_of(job.train.kind, job.train.variant)
    if not family.needs_labels:
        return
    try:
        opened = open_catalog(job.catalog, job.archive)
    except ConfigurationError:
        return
    quantities = family.quantities_of(job.train)
    for quantity in quantities:
        find_column(opened.source, quantity.column, "train.columns")
    labels = not quantities
    if lines := list(_label_and_split(job, opened, labels=labels)):
        what = f"training needs objects{' with labels' if labels else ''}, some of them held out to test"
        raise ConfigurationError(_with_lines(what, lines))


def refused_training(job: Job) -> Iterator[str]:
    """Yield why training would be refused, if the job's classifier is still to be made."""
    if job.train is not None and awaits(job.train.classifier, job.train):
        try:
            check_labels(job)
        except ConfigurationError as error:
            yield f"training will be refused: {error}"


def _tables(job: Job, *, predict: bool) -> Iterator[str]:
    example = _example(job)
    named = job.train or job.predictions
    classifier = {"classifier": named.classifier if named else f"models/{job.name}"}
    if predict and PREDICTIONS not in job.stages:
        yield f"{_line('stages', [*job.stages, PREDICTIONS])}    # in place of the line that is there"
    if job.train is None:
        keys = value_in(example, "train") or {"kind": "table"}
        yield from ("", "[train]", *(_line(key, value) for key, value in {**keys, **classifier}.items()))
    if predict and job.predictions is None:
        yield from ("", "[predictions]", _line("classifier", classifier["classifier"]))


def _label_and_split(job: Job, opened: Opened, *, labels: bool) -> Iterator[str]:
    example, columns = _example(job), opened.source.names
    if labels and job.catalog.label is None and "label" not in opened.names:
        label = value_in(example, "catalog", "label")
        if label is None or not can_be_made(label, columns):
            label = next(iter(class_columns(columns)), "a column with classes")
        yield f"{_line('label', label)}    # in the table [catalog]"
    if job.catalog.split is None and "split" not in opened.names:
        yield f"{_line('split', value_in(example, 'catalog', 'split') or SPLIT)}    # in the table [catalog]"


def _example(job: Job) -> str:
    """Return the example of the job's survey, with predictions."""
    return example_job(job.archive.survey, job.name, {("stages",): [*job.stages, PREDICTIONS]})


def _with_lines(what: str, lines: list[str]) -> str:
    return f"{what}; write into the job file:\n\n" + indent("\n".join(lines).strip(), " " * 4)


def _line(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{key} = {{ {', '.join(_line(name, part) for name, part in value.items())} }}"
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
