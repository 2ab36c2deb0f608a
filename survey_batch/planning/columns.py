"""Numeric columns of the catalogue beside those that the plan holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from survey_batch.catalog.columns import column_named
from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.needs import columns_of, near
from survey_batch.catalog.opening import open_catalog
from survey_batch.catalog.source import Source
from survey_batch.catalog.values import to_float
from survey_batch.config.job import Job
from survey_batch.core.arrays import F8, I8
from survey_batch.core.errors import ConfigurationError


@dataclass(frozen=True)
class Columns:
    """Numbers of the catalogue.

    Attributes
    ----------
    values : (object, column)
        In the order of the rows asked for; NaN where the catalogue has no number.
    units : dict
        Unit of each column as the file states it, "" if it does not.
    """

    values: F8
    units: Mapping[str, str]


def read_columns(job: Job, rows: I8, names: Sequence[str], asked_by: str) -> Columns:
    """Read columns of a job's catalogue.

    Parameters
    ----------
    job
    rows
        Rows of the file to take, in this order.
    names
        Names of the file's columns; blanks, underscores and case may differ.
    asked_by
        The key of the job that names them, for messages.

    Raises
    ------
    ConfigurationError
        There is no such column, or it holds no numbers.
    """
    opened = open_catalog(object_catalog(job), job.archive)
    found = {name: find_column(opened.source, name, asked_by) for name in names}
    parts: dict[str, list[F8]] = {name: [] for name in names}
    for batch in opened.source.batches(sorted(set(found.values()))):
        for name, theirs in found.items():
            parts[name].append(to_float(batch.table[theirs])[0])
    values = np.stack([np.concatenate(parts[name])[rows] for name in names], axis=1)
    for name, column in zip(names, values.T, strict=True):
        if not np.isfinite(column).any():
            raise ConfigurationError(
                f"{asked_by}: the column {found[name]!r} of {opened.source.url} has no number in any of the rows"
            )
    units = {column.name: column.unit for column in opened.source.columns}
    return Columns(values, {name: units[theirs] for name, theirs in found.items()})


def find_column(source: Source, name: str, asked_by: str) -> str:
    """Find the file's own name of a column; parameters and errors as of `read_columns`."""
    theirs = column_named(name, source)
    if theirs is None:
        raise ConfigurationError(
            f"{asked_by}: there is no column {name!r}{near(name, source.names)}\n{columns_of(source)}"
        )
    if any(column.vector for column in source.columns if column.name == theirs):
        raise ConfigurationError(f"{asked_by}: column {theirs!r} holds vectors, not one value: name another")
    return theirs
