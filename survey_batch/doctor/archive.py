"""One file of the archive, fetched and read as the job's first stage will: here, and on a worker."""

from collections.abc import Sequence

from survey_batch.config.job import Job
from survey_batch.core.findings import Finding, Findings, Site
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status
from survey_batch.core.wording import counted
from survey_batch.planning.stored import Rows
from survey_batch.preflight.trial import OF_THE_FILE, Answer, fetch_one, keys_named


def archive_answers(site: Site, job: Job, rows: Sequence[Rows]) -> Findings[None]:
    """Fetch one file to this machine."""
    if not rows:
        yield site.skipped("archive", "the catalogue names no file")
        return
    yield judge(site, job, fetch_one(job, rows))


def judge(site: Site, job: Job, answers: Sequence[Answer], unreachable: str = "") -> Finding:
    """Make a finding from the answers for some files; `unreachable` says what to do if nothing answers."""
    root, what, last = job.archive.root, job.survey.file, answers[-1]
    if last.status in (Status.OK, Status.PARTIAL):
        had = f"one {what} of {root} fetched and read in {last.seconds:.2f} s"
        if len(answers) == 1:
            return site.ok("archive", had)
        missed = f"{had}; {len(answers) - 1} before it could not be read: {answers[0].message}"
        return site.warning("archive", missed, "a run sets such objects aside; if there are many, check [archive]")
    if last.status == Status.FAILED:
        return site.failed("archive", last.message, "mend the survey's reader, or tell its authors")
    if last.status not in OF_THE_FILE:
        return site.failed("archive", last.message, unreachable or _advice(root))
    if last.status == Status.OUTSIDE:
        outside = counted(len(answers), "position")
        found = f"it answers, in {last.seconds:.2f} s, but {outside} tried lie outside: {last.message}"
        return site.warning("archive", found, "check ra and dec of the catalogue")
    there = all(answer.status == Status.UNREADABLE for answer in answers)
    advice = f"{'see what these files hold; if they are others than expected, ' * there}check {job.survey.located_by()}"
    if there and (keys := keys_named(job, last.message)):
        advice = f"set {keys} as it says"
    return site.failed("archive", f"no file could be read, out of {len(answers)}: {last.message}", advice)


def _advice(root: str) -> str:
    if is_url(root):
        return "check archive.root, and whether this machine can reach it (a firewall, HTTPS_PROXY, a login)"
    return "check archive.root and its permissions"
