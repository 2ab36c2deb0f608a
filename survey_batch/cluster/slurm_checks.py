"""Checks of SLURM before a run: its commands, controller and partition, and whether it would accept the worker jobs."""

import importlib.util
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import dask

from survey_batch.cluster.base import SCHEDULER_SETTINGS, job_folder
from survey_batch.cluster.drain import walltime_of
from survey_batch.cluster.launch import Launcher, LaunchError, Sbatch, call_slurm
from survey_batch.cluster.slurm import drain_margin, limit_said, make_cluster, script_of
from survey_batch.cluster.tables import Table
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.sections.slurm_values import EARLIEST, walltime_seconds
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Finding, Findings, Site, State

READY = ("idle", "mixed", "allocated", "completing")
"""States of nodes that can work, now or after their current work."""

CONTROLLER_ADVICE = "ask the cluster's administrators whether its controller is up; check SLURM_CONF and munge here"

INSTALL = 'pip install "survey-batch[slurm]"'


@dataclass(frozen=True)
class Partition:
    """A partition as `sinfo` describes it: nodes by state, and the longest walltime in seconds, if there is a limit."""

    name: str
    default: bool
    up: bool
    limit: float | None
    nodes: dict[str, int]


def slurm_takes_jobs(site: Site, tables: list[Table], folder: str, launcher: type[Launcher]) -> Findings[list[Table]]:
    """Ask SLURM about every table; return those worth asking for workers."""
    scripts, section = job_folder(folder, "slurm"), tables[0].section
    if (yield from site.look("SLURM", "run on a login node", _commands(site, launcher, scripts, section))) is None:
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
    """Read the lines of `sinfo --format=%P|%a|%l|%T|%D`: one per partition and state of its nodes."""
    found: dict[str, Partition] = {}
    for line in text.splitlines():
        name, up, limit, state, nodes = line.split("|")
        own = name.rstrip("*")
        seconds = None if limit == "n/a" else walltime_seconds(limit)
        one = found.setdefault(own, Partition(own, name.endswith("*"), up == "up", seconds, {}))
        # Marks behind a state: not responding, powered down, in maintenance, …
        one.nodes[state] = one.nodes.get(state, 0) + int(nodes)
    return found


def judge_partition(site: Site, table: Table, partitions: dict[str, Partition]) -> Finding:
    """Check that a table's partition exists, is up, and allows the walltime that is asked for."""
    check, named = "partition", wanted_partition(table.section)
    one = partitions.get(named) if named else next((part for part in partitions.values() if part.default), None)
    if one is None:
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


def wanted_partition(section: ClusterSection) -> str | None:
    """Return the partition that a worker job names: the table's, or the site's."""
    return section.partition or dask.config.get("jobqueue.slurm.queue", None)


def _commands(site: Site, launcher: type[Launcher], scripts: Path, section: ClusterSection) -> Findings[bool]:
    launcher(scripts, section)  # refuses where it cannot work
    yield site.ok("SLURM", f"on the path: {', '.join(launcher.commands)}")
    return True


def _controller(site: Site) -> Findings[dict[str, Partition] | None]:
    done = call_slurm(["sinfo", "--noheader", "--format=%P|%a|%l|%T|%D"])
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
    with dask.config.set(SCHEDULER_SETTINGS), interrupt.kept_from_children():
        cluster = make_cluster(table.section, Sbatch, scripts)
    try:
        said = Sbatch(scripts, table.section).test(script_of(cluster, Sbatch))
    except LaunchError as error:
        advice = f"correct [{table.name}]; these are SLURM's own words"
        yield site.failed("jobs", f"SLURM would not accept a worker job: {error}", advice)
        return False
    finally:
        cluster.close()
    yield site.ok("jobs", f"SLURM would accept them: {said.removeprefix('sbatch: ')}")
    return State.FAILED not in (partition.state, drain.state)
