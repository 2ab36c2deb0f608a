"""A trial of a few archive files, fetched and read like in a job's first stage, but with short timeouts."""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.core.tracebacks import short_tracebacks
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows, to_numpy
from survey_batch.stages import Stage, make_stage

ATTEMPTS, TIMEOUT = 2, 20.0
"""A run tries each file longer; here a user is waiting."""

OF_THE_FILE = (Status.NOT_FOUND, Status.UNREADABLE, Status.OUTSIDE, Status.INVALID)
"""Statuses that concern one file, not the archive: another file may be there."""


@dataclass(frozen=True)
class Answer:
    """Result for one file: status, reason and address if it could not be had, and the time it took."""

    status: Status
    message: str
    source: str
    seconds: float


def sample_rows(plan: Plan, number: int = 3) -> list[Rows]:
    """Choose rows that name a file, from the first to the last: fields or usable objects, as the first stage takes."""
    of_fields = _first_stage(plan.job).axis == "frame"
    table = plan.fields if of_fields else plan.objects
    there = np.arange(table.num_rows) if of_fields else np.flatnonzero(plan.usable)
    rows = there[np.unique(np.linspace(0, len(there) - 1, number).round().astype(int))].tolist() if len(there) else []
    return [{name: to_numpy(table[name].slice(row, 1)) for name in table.column_names} for row in rows]


def fetch_one(job: Job, rows: Sequence[Rows]) -> list[Answer]:
    """Fetch the first available file, without cache and in one band; return the result for each file tried.

    Raises
    ------
    ConfigurationError
        The archive's root cannot be used on this machine.
    """
    answers = []
    for row in rows:
        answers.append(_fetch(job, row))
        if answers[-1].status not in OF_THE_FILE:
            break
    return answers


@short_tracebacks()
def knock(job: Job, rows: Sequence[Rows]) -> list[Answer]:
    """Fetch one file; if it is unreachable, fetch all the others at once, in case one of them can be reached.

    Raises
    ------
    ConfigurationError
        As `fetch_one`.
    """
    first = _fetch(job, rows[0])
    if first.status != Status.UNREACHABLE:
        return [first]
    with ThreadPoolExecutor(job.archive.connections) as pool:
        return [first, *pool.map(lambda row: _fetch(job, row), rows[1:])]


def keys_named(job: Job, reason: str) -> str:
    """Name the keys of [archive] that a reason says to set; "" if it names none."""
    named = dict.fromkeys(re.findall(r"\barchive\.([a-z_]+)", reason))
    return " or ".join(f"archive.{key}" for key in named if key in type(job.archive).model_fields)


def _fetch(job: Job, row: Rows) -> Answer:
    begun = time.monotonic()
    block = _first_stage(_in_short(job)).compute(row, {})
    problem = block.problems[0] if block.problems else None
    message, source = (problem.message, problem.source) if problem else ("", "")
    return Answer(Status(int(block.status.max())), message, source, time.monotonic() - begun)


def _first_stage(job: Job) -> Stage:
    """Return the survey's stage that reads its files."""
    return make_stage(job, next(iter(job.survey.stages)))


def _in_short(job: Job) -> Job:
    bands = "r" if "r" in job.frames.bands else job.frames.bands[0]
    archive = {"attempts": min(ATTEMPTS, job.archive.attempts), "timeout": min(TIMEOUT, job.archive.timeout)}
    return job.model_copy(
        update={
            "frames": job.frames.model_copy(update={"bands": bands}),
            "archive": job.archive.model_copy(update={**archive, "cache": None}),
        }
    )
