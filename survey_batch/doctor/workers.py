"""Checks made from a worker: its environment, its clock, the folders, the archive and the device."""

import time
import urllib.request
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from survey_batch.cluster.base import Say
from survey_batch.cluster.running import check_versions
from survey_batch.cluster.tables import Table
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Finding, Findings, Site
from survey_batch.core.paths import is_url, join, write_bytes
from survey_batch.core.versions import versions
from survey_batch.core.wording import size
from survey_batch.doctor.archive import judge
from survey_batch.doctor.device import device_works, needed_framework
from survey_batch.doctor.output import scratch_folder
from survey_batch.doctor.probes import describe_worker, exchange, wait_for_file
from survey_batch.doctor.visit import Visit, visited
from survey_batch.models.artifact import classifier_fingerprint
from survey_batch.planning.stored import Rows
from survey_batch.preflight.trial import fetch_one

SKEW_SECONDS = 1.0
"""A TLS certificate is valid from the second in which a run starts. If a clock is further behind, it is not valid yet
there. Times in logs and rates of progress are wrong by as much."""

CLOCK_READINGS = 5

SAME_ENVIRONMENT = "install the same environment on both sides; see cluster.python and cluster.prologue"
NO_WAY_OUT = (
    "compute nodes often have no internet access: set HTTPS_PROXY in cluster.prologue, run on nodes that have it, or "
    "copy the files to a folder that all nodes see"
)


def worker_works(
    site: Site, job: Job, table: Table, rows: Sequence[Rows], *, writable: bool, say: Say
) -> Findings[None]:
    """Ask for one worker of a table, and make the checks from there."""
    with visited(job, table, say) as visit:
        about = visit.ask(describe_worker)
        yield site.ok("worker", _arrival(visit, about))
        yield from site.look("versions", SAME_ENVIRONMENT, _versions(site, visit, about["versions"]))
        yield from site.look("clock", "ask the node's administrators", _clock(site, visit))
        yield _memory(site, table, about)
        yield _scratch(site, table, about)
        if writable:
            advice = "choose an output that all nodes see, and give its full path"
            yield from site.look("output", advice, _output(site, job, visit, about))
        else:
            yield site.skipped("output", "it cannot be written on this machine")
        if table.name == "cluster":
            yield from site.look("archive", "mount it on the nodes, or copy it", _archive(site, job, visit, rows))
        if table.predicts:
            yield from site.look("classifier", "copy it to a folder that all nodes see", _classifier(site, job, visit))
            if framework := needed_framework(job):
                yield from site.look("device", SAME_ENVIRONMENT, device_works(site, job, table, visit, framework))
        yield from site.look("dashboard", "a run does not need it", _dashboard(site, visit))


def _arrival(visit: Visit, about: dict[str, Any]) -> str:
    job = f", SLURM job {about['slurm_job']}" if about["slurm_job"] else ""
    return f"on {about['host']} after {visit.waited:.1f} s{job}"


def _versions(site: Site, visit: Visit, there: dict[str, str]) -> Findings[None]:
    """Compare versions that must agree for both sides to exchange data, and those that results depend on."""
    client = visit.connection.client
    check_versions(client.get_versions(packages=["zarr"]), client.scheduler.address)
    here = versions()
    names = [name for name in here if here[name] != there.get(name)]
    wrong = [f"{name} is {there.get(name, 'missing')} there, here {here[name]}" for name in names]
    if "survey-batch" in names:
        yield site.failed("versions", "; ".join(wrong), SAME_ENVIRONMENT)
    elif wrong:
        yield site.warning("versions", "; ".join(wrong), SAME_ENVIRONMENT)
    else:
        packages = ", ".join(f"{name} {there[name]}" for name in ("numpy", "dask", "zarr"))
        yield site.ok("versions", f"Python {there['python']}; {len(here)} packages as here, such as {packages}")


def _clock(site: Site, visit: Visit) -> Findings[None]:
    """Measure the worker's clock by the shortest of some round trips, which bounds the error."""
    readings = []
    for _ in range(CLOCK_READINGS):
        before = time.time()
        there = visit.ask(time.time)
        after = time.time()
        readings.append(((after - before) / 2, there - (before + after) / 2))
    error, skew = min(readings)
    yield judge_clock(site, skew, error)


def judge_clock(site: Site, skew: float, error: float) -> Finding:
    """Make a finding from a clock that is ahead by `skew` seconds, give or take `error`."""
    found = f"{abs(skew):.3f} s {'ahead of' if skew > 0 else 'behind'} this machine's, give or take {error:.3f} s"
    if abs(skew) - error > SKEW_SECONDS:
        advice = "set both clocks by NTP (chrony): certificates may not be valid yet there, and times in logs are wrong"
        return site.warning("clock", found, advice)
    return site.ok("clock", found)


def _memory(site: Site, table: Table, about: dict[str, Any]) -> Finding:
    """Compare the memory limit of all workers of a job with what the worker's cgroup or machine allows."""
    limit, here, processes = about["memory_limit"], about["memory_here"], table.section.processes
    workers = f"{processes} workers of {size(limit)} each" if processes > 1 else size(limit)
    found = f"limit {workers}; in all {size(here)} of the machine's {size(about['memory_total'])}"
    if limit * processes > here:
        return site.warning("memory", found, f"lower {table.name}.memory or {table.name}.processes")
    return site.ok("memory", found)


def _scratch(site: Site, table: Table, about: dict[str, Any]) -> Finding:
    """Compare the node's disk with what a worker short of memory would write there."""
    free, needed = about["scratch_free"], about["memory_limit"] * table.section.processes
    found = f"{size(free)} free in {about['scratch']}"
    if free < needed:
        advice = f"set {table.name}.scratch to a larger disk of the node: up to {size(needed)} may be written there"
        return site.warning("scratch", found, advice)
    return site.ok("scratch", found)


def _output(site: Site, job: Job, visit: Visit, about: dict[str, Any]) -> Findings[None]:
    """Write a token here and read it there, and the reverse."""
    token = uuid4().hex
    with scratch_folder(job.output) as folder:
        given, answer = join(folder, "token"), join(folder, "answer")
        write_bytes(given, token.encode())
        there = visit.ask(exchange, given, answer)
        back = wait_for_file(answer) if there else None
    relative = "" if is_url(job.output) or job.output.startswith("/") else f" (the worker is in {about['folder']})"
    if there is None or there[0] != token:
        found = f"what is written to {job.output} here is not seen there{relative}"
        yield site.failed("output", found, "choose an output that all nodes see, and give its full path")
    elif back is None or back[0] != token[::-1]:
        found = f"what is written to {job.output} there is not seen here{relative}"
        yield site.failed("output", found, "choose an output that all nodes see and can write to")
    else:
        yield site.ok("output", f"the same folder: seen there after {there[1]:.2f} s, and here after {back[1]:.2f} s")


def _archive(site: Site, job: Job, visit: Visit, rows: Sequence[Rows]) -> Findings[None]:
    if not rows:
        yield site.skipped("archive", "the catalogue names no file")
        return
    yield judge(site, job, visit.ask(fetch_one, job, rows), NO_WAY_OUT if is_url(job.archive.root) else "")


def _classifier(site: Site, job: Job, visit: Visit) -> Findings[None]:
    """Compare the content of the classifier's folder here and there."""
    folder = job.predictions.classifier if job.predictions else ""
    try:
        here = classifier_fingerprint(folder)
    except (ConfigurationError, OSError):  # its own check has already said what is wrong here
        yield site.skipped("classifier", "there is none on this machine")
        return
    there = visit.ask(classifier_fingerprint, folder)
    if there == here:
        yield site.ok("classifier", f"{folder}: the same content, fingerprint {there[:12]}")
    else:
        found = f"{folder}: the content differs, fingerprint {there[:12]} there, {here[:12]} here"
        yield site.failed("classifier", found, "copy it there again, or name a folder that all nodes see")


def _dashboard(site: Site, visit: Visit) -> Findings[None]:
    """Check whether the dashboard answers this machine."""
    link = visit.connection.dashboard.split()[0]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(link, timeout=10).close()
    except OSError as error:
        advice = "a run does not need it; to have one, install bokeh, or check cluster.dashboard"
        yield site.warning("dashboard", f"{link} does not answer: {error}", advice)
    else:
        yield site.ok("dashboard", f"answered at {link}; a run says how to open its own from elsewhere")
