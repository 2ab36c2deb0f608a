"""Checks of SLURM before a run: its commands, controller and partition, and whether it would accept the worker jobs."""

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import dask
from distributed import Security

from survey_batch.cluster.drain import walltime_of
from survey_batch.cluster.folders import KEYS, job_folder
from survey_batch.cluster.launch import Launcher, LaunchError, Request, Sbatch, call_slurm, request_of
from survey_batch.cluster.slurm_script import drain_margin, limit_said, worker_job
from survey_batch.cluster.tables import Table
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.sections.slurm_values import EARLIEST, walltime_seconds
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Finding, Findings, Site, State
from survey_batch.core.wording import size

READY = ("idle", "mixed", "allocated", "completing")
"""States of nodes that can work, now or after their current work."""

CONTROLLER_ADVICE = "ask the cluster's administrators whether its controller is up; check SLURM_CONF and munge here"

SOME_ADDRESS = "tls://127.0.0.1:8786"
"""Stands for the scheduler's address in a script that never runs."""

INSTALL = 'pip install "survey-batch[slurm]"'


@dataclass(frozen=True)
class Partition:
    """A partition as `sinfo` describes it.

    Attributes
    ----------
    limit
        The longest walltime in seconds, if there is a limit.
    nodes
        Number of nodes by state.
    sizes
        Cores and bytes of memory of its nodes.
    """

    name: str
    default: bool
    up: bool
    limit: float | None
    nodes: dict[str, int]
    sizes: set[tuple[int, int]]


def slurm_takes_jobs(site: Site, tables: list[Table], folder: str, launcher: type[Launcher]) -> Findings[list[Table]]:
    """Ask SLURM about every table; return those worth asking for workers."""
    scripts, section = job_folder(folder, "slurm"), tables[0].section
    if (yield from site.look("SLURM", "run on a login node", _commands(site, launcher, scripts))) is None:
        return []
    partitions = yield from site.look("controller", CONTROLLER_ADVICE, _controller(site))
    if partitions is None:
        return []
    yield _tls(site, section)
    usable = []
    for table in tables:
        apart = Site(f"SLURM for [{table.name}]")
        advice = f"correct [{table.name}], or cluster.options"
        steps = _batch_jobs(apart, table, partitions, scripts) if launcher.batch else _steps(apart)
        if (yield from apart.look("jobs", advice, steps)):
            usable.append(table)
    return usable


def parse_partitions(text: str) -> dict[str, Partition]:
    """Read the lines of `sinfo --exact --format=%P|%a|%l|%T|%D|%c|%m`: one per partition, state and size of nodes."""
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, up, limit, state, nodes, cores, megabytes = line.split("|")
        own = name.rstrip("*")
        seconds = None if limit == "n/a" else walltime_seconds(limit)
        one = found.setdefault(own, Partition(own, name.endswith("*"), up == "up", seconds, {}, set()))
        # Marks behind a state: not responding, powered down, in maintenance, …
        one.nodes[state] = one.nodes.get(state, 0) + int(nodes)
        one.sizes.add((int(cores.rstrip("+")), int(megabytes.rstrip("+")) * 2**20))
    return found


def judge_partition(site: Site, table: Table, partitions: dict[str, Partition]) -> Finding:
    """Check that a table's partition exists, is up, and allows the walltime that is asked for."""
    check, one = "partition", find_partition(table.section, partitions)
    if one is None:
        named = wanted_partition(table.section)
        there = f"there are {', '.join(partitions)}"
        found = f"there is no partition {named!r}" if named else "no partition is named, and SLURM has no default"
        return site.failed(check, f"{found}; {there}", f"set {table.name}.partition to one of these")
    nodes = ", ".join(f"{number} {state}" for state, number in sorted(one.nodes.items())) or "no nodes"
    if not one.up:
        return site.failed(check, f"{one.name} is not up ({nodes})", f"choose another {table.name}.partition, or wait")
    walltime = walltime_of(table.section)
    if one.limit is not None and walltime > one.limit:
        found = (
            f"{one.name} allows {one.limit:.0f} s, but the walltime is {limit_said(walltime)}: jobs would wait forever"
        )
        return site.failed(check, found, f"lower {table.name}.walltime, or choose another partition")
    if not any(state in READY for state in one.nodes):
        return site.warning(check, f"{one.name} has no node that works now: {nodes}", "wait, or choose another")
    return site.ok(check, f"{one.name} is up: {nodes}")


def judge_drain(site: Site, table: Table) -> Finding:
    """Check that workers have time to work before they drain."""
    try:
        walltime = limit_said(walltime_of(table.section))
        margin = drain_margin(table.section)
    except ConfigurationError as error:
        return site.failed(
            "walltime", str(error), f"set {table.name}.drain_seconds to a little more than a shard takes"
        )
    last = f"{margin:.0f} to {EARLIEST * margin:.0f} s"
    return site.ok("walltime", f"{walltime}; in the last {last} a worker takes no more work")


def advise_on_refusal(table: Table, one: Partition | None) -> str:
    """Say what to change in a table whose worker jobs SLURM refuses."""
    asked, words = request_of(table.section), "these are SLURM's own words"
    nodes = sorted((node for node in one.sizes if all(node)), reverse=True) if one else []
    if one is None or not nodes or any(node[0] >= asked.cores and node[1] >= asked.memory for node in nodes):
        return f"correct [{table.name}]; {words}"
    there = " or ".join(f"{cores} cores and {size(memory)}" for cores, memory in nodes[:3])
    ways = " or ".join(f"{table.name}.{key}" for key in _too_large(table.section, asked, nodes))
    return f"lower {ways}: a job runs on one node, and nodes of {one.name} have {there}"


def _too_large(section: ClusterSection, asked: Request, nodes: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield the keys of which a job that fits no node asks too much."""
    cores, memory = (max(column) for column in zip(*nodes, strict=True))
    many_cores, much_memory = asked.cores > cores, asked.memory > memory
    if not many_cores and not much_memory:  # no node has as much of both
        many_cores = much_memory = True
    if asked.workers > 1 and (much_memory or section.cores is None):
        yield "processes"
    if many_cores:
        yield "threads" if section.cores is None else "cores"
    if much_memory:
        yield "memory"


def find_partition(section: ClusterSection, partitions: dict[str, Partition]) -> Partition | None:
    """Return the partition of a worker job: the one that it names, else SLURM's default."""
    named = wanted_partition(section)
    return partitions.get(named) if named else next((part for part in partitions.values() if part.default), None)


def wanted_partition(section: ClusterSection) -> str | None:
    """Return the partition that a worker job names: the table's, or the site's."""
    return section.partition or dask.config.get("jobqueue.slurm.queue", None)


def _commands(site: Site, launcher: type[Launcher], scripts: Path) -> Findings[bool]:
    launcher(scripts)  # refuses where it cannot work
    yield site.ok("SLURM", f"on the path: {', '.join(launcher.commands)}")
    return True


def _controller(site: Site) -> Findings[dict[str, Partition] | None]:
    done = call_slurm(["sinfo", "--noheader", "--exact", "--format=%P|%a|%l|%T|%D|%c|%m"])
    if done.returncode:
        said = done.stderr.strip() or f"sinfo ended with {done.returncode}"
        yield site.failed("controller", f"SLURM does not answer: {said}", CONTROLLER_ADVICE)
        return None
    partitions = parse_partitions(done.stdout)
    yield site.ok("controller", f"answers; partitions {', '.join(partitions)}")
    return partitions


def _tls(site: Site, section: ClusterSection) -> Finding:
    if not section.tls:
        advice = "leave cluster.tls as it is, unless nobody else can reach the cluster's network"
        return site.warning("TLS", "is off: anyone who reaches the scheduler can run code as this user", advice)
    if importlib.util.find_spec("cryptography") is None:
        return site.failed("TLS", "the package cryptography is not installed", INSTALL)
    return site.ok("TLS", f"cryptography {version('cryptography')} makes the certificates")


def _steps(site: Site) -> Findings[bool]:
    yield site.skipped("jobs", "workers are steps of the allocation that this process is in")
    return True


def _batch_jobs(site: Site, table: Table, partitions: dict[str, Partition], scripts: Path) -> Findings[bool]:
    yield (partition := judge_partition(site, table, partitions))
    yield (drain := judge_drain(site, table))
    keys = Security(tls_ca_file=str(scripts / KEYS)) if table.section.tls else None  # it only looks at the script
    job = worker_job(table.section, Sbatch, "doctor", scripts, SOME_ADDRESS, keys)
    try:
        said = Sbatch(scripts).test(job.script)
    except LaunchError as error:
        advice = advise_on_refusal(table, find_partition(table.section, partitions))
        yield site.failed("jobs", f"SLURM would not accept a worker job ({request_of(table.section)}): {error}", advice)
        return False
    yield site.ok("jobs", f"SLURM would accept them: {said.removeprefix('sbatch: ')}")
    return State.FAILED not in (partition.state, drain.state)
