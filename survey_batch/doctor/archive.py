"""One file of the archive, fetched and read as the job's first stage will: here, and on a worker."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from survey_batch.config.job import STAGES_OF, Job
from survey_batch.config.sections.archive import located_by
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.doctor.findings import Finding, Findings, Place
from survey_batch.planning.plan import Plan, Rows, to_numpy
from survey_batch.stages import make_stage

ATTEMPTS, TIMEOUT = 2, 20.0
"""A run has more patience; here somebody waits."""

WHAT = {"sdss": "frame", "lamost": "spectrum", "skyserver": "image", "stamps": "exposure"}
"""What a file of each archive is."""

OF_THE_FILE = (Status.NOT_FOUND, Status.UNREADABLE, Status.OUTSIDE, Status.INVALID)
"""Statuses that say something of one file, not of the archive: another one may be there."""


@dataclass(frozen=True)
class Answer:
    """What became of one file: status, reason and address where it was not had, and the time it took."""

    status: Status
    message: str
    source: str
    seconds: float


def sample_rows(plan: Plan) -> list[Rows]:
    """The first, a middle and the last row that name a file: of fields for SDSS, else of usable objects."""
    table = plan.fields if plan.job.archive.survey == "sdss" else plan.objects
    count = table.num_rows if table is plan.fields else table.num_rows - plan.invalid
    places = sorted({0, count // 2, count - 1}) if count else []
    return [{name: to_numpy(table[name].slice(row, 1)) for name in table.column_names} for row in places]


def fetch_one(job: Job, rows: Sequence[Rows]) -> list[Answer]:
    """Fetch the first file that can be had, without cache and in one band; return what became of each tried.

    Raises
    ------
    ConfigurationError
        The archive's root cannot be used on this machine.
    """
    stage = make_stage(_in_short(job), STAGES_OF[job.archive.survey][0])
    answers = []
    for row in rows:
        begun = time.monotonic()
        block = stage.compute(row, {})
        problem = block.problems[0] if block.problems else None
        status = Status(int(block.status.max()))
        message, source = (problem.message, problem.source) if problem else ("", "")
        answers.append(Answer(status, message, source, time.monotonic() - begun))
        if status not in OF_THE_FILE:
            break
    return answers


def archive_answers(place: Place, job: Job, rows: Sequence[Rows]) -> Findings[None]:
    """Fetch one file from this machine."""
    if not rows:
        yield place.skipped("archive", "the catalogue names no file")
        return
    yield judge(place, job, fetch_one(job, rows))


def judge(place: Place, job: Job, answers: Sequence[Answer], unreachable: str = "") -> Finding:
    """Make a finding of what became of some files; `unreachable` is what to do where nothing answers."""
    root, what, last = job.archive.root, WHAT[job.archive.survey], answers[-1]
    if last.status in (Status.OK, Status.PARTIAL):
        had = f"one {what} of {root} fetched and read in {last.seconds:.2f} s"
        if len(answers) == 1:
            return place.ok("archive", had)
        missed = f"{had}; {len(answers) - 1} before it could not be had: {answers[0].message}"
        return place.warning("archive", missed, "a run sets such objects aside; if they are many, look at [archive]")
    if last.status not in OF_THE_FILE:
        return place.failed("archive", last.message, unreachable or _advice(root))
    if last.status == Status.OUTSIDE:
        found = f"it answers, in {last.seconds:.2f} s, but {len(answers)} positions are outside: {last.message}"
        return place.warning("archive", found, "look at ra and dec of the catalogue")
    advice = f"look at {located_by(job.archive.survey)}"
    return place.failed("archive", f"none of {len(answers)} files could be had: {last.message}", advice)


def _advice(root: str) -> str:
    if is_url(root):
        return "look at archive.root, and whether this machine may reach it (a firewall, HTTPS_PROXY, a login)"
    return "look at archive.root and its permissions"


def _in_short(job: Job) -> Job:
    bands = "r" if "r" in job.frames.bands else job.frames.bands[0]
    archive = {"attempts": min(ATTEMPTS, job.archive.attempts), "timeout": min(TIMEOUT, job.archive.timeout)}
    return job.model_copy(
        update={
            "frames": job.frames.model_copy(update={"bands": bands}),
            "archive": job.archive.model_copy(update={**archive, "cache": None}),
        }
    )
