"""Values in `[cluster]` as SLURM and dask-jobqueue read them: time limits, GPU requests, options that we set."""

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from survey_batch.config.sections.base import WrongKeyError

NO_LIMIT = ("unlimited", "infinite")
_TIME = re.compile(r"(?:\d+-)?\d+(?::\d+){0,2}")

GPU_RESOURCES = ("gpu", "shard", "mps")
"""SLURM's generic resources that give access to a GPU or a share of one."""
_GENERIC = re.compile(r"(?:--gres|--tres-per-\w+)[=\s]\s*(.+)")
_GPUS = re.compile(r"(?:--gpus(?:-per-(?:node|task|socket))?[=\s]|-G)\s*(.+)")
_RESOURCE = re.compile(r"(?:gres[/:])?(\w+)(?:[:=]([A-Za-z_][\w.-]*))?(?:[:=](\d+))?\w*(?:\(.*\))?")
_COUNT = re.compile(r"(?:[A-Za-z_][\w.-]*:)?(\d+)")

ADDED_OPTIONS = ("job_extra_directives", "job_script_prologue", "worker_extra_args")
"""Options of dask-jobqueue that are lists: the job's entries come after those that we set."""

OWN_OPTIONS: Mapping[str, str] = {
    "cores": "cluster.threads and cluster.processes",
    "processes": "cluster.processes",
    "memory": "cluster.memory",
    "job_cpu": "cluster.cores",
    "queue": "cluster.partition",
    "account": "cluster.account",
    "project": "cluster.account",
    "walltime": "cluster.walltime",
    "python": "cluster.python",
    "interface": "cluster.interface",
    "local_directory": "cluster.scratch",
    "security": "cluster.tls",
    "protocol": "cluster.tls",
    "dashboard_address": "cluster.dashboard",
    "env_extra": "cluster.prologue",
    "job_extra": "cluster.directives",
    "extra": "worker_extra_args in cluster.options",
    "header_skip": "job_directives_skip in cluster.options",
    "n_workers": "cluster.workers",
    "job_name": "",
    "name": "",
    "log_directory": "",
    "shared_temp_directory": "",
    "silence_logs": "",
    "job_cls": "",
    "scheduler_cls": "",
    "asynchronous": "",
    "loop": "",
}
"""Options that we set ourselves, and what to set instead; "" if the job cannot change it."""

OWN_SCHEDULER: Mapping[str, str] = {
    "dashboard_address": "cluster.dashboard",
    "dashboard": "cluster.dashboard",
    "services": "cluster.dashboard",
    "service_kwargs": "cluster.dashboard",
    "host": "cluster.interface",
    "interface": "cluster.interface",
    "security": "cluster.tls",
    "protocol": "cluster.tls",
    "jupyter": "",
}
"""Options of the scheduler that decide who reaches it and what it shows, in the same form."""

OWN_ARGUMENTS: Mapping[str, str] = {
    "--resources": "gres or a table [cluster.gpu]: each worker then has the resource GPU=1",
    "--nthreads": "cluster.threads",
    "--nworkers": "cluster.processes",
    "--memory-limit": "cluster.memory",
    "--local-directory": "cluster.scratch",
    "--interface": "cluster.interface",
    "--host": "cluster.interface",
    "--listen-address": "cluster.interface",
    "--protocol": "cluster.tls",
    "--tls-ca-file": "cluster.tls",
    "--tls-cert": "cluster.tls",
    "--tls-key": "cluster.tls",
    "--name": "",
    "--dashboard-address": "",
}
"""Arguments of a Dask worker that we set ourselves, in the same form."""


OWN_DIRECTIVES: Mapping[str, str] = {
    "--mem": "cluster.memory",
    "--cpus-per-task": "cluster.cores, or cluster.threads and cluster.processes",
    "--time": "cluster.walltime",
    "--partition": "cluster.partition",
    "--account": "cluster.account",
    "--qos": "cluster.qos",
    "--ntasks": "cluster.workers and cluster.processes",
    "--job-name": "",
    "--output": "",
    "--error": "",
    "--requeue": "",
}
"""Options of `sbatch` that have a key, or that we set ourselves, in the same form."""

SHORT = {
    "-c": "--cpus-per-task", "-t": "--time", "-p": "--partition", "-A": "--account", "-q": "--qos", "-n": "--ntasks",
    "-J": "--job-name", "-o": "--output", "-e": "--error",
}  # fmt: skip
"""Short names of these options."""

EARLIEST = 1.25
"""Workers start to drain at random times, at most this many margins before the end, so that not all leave at once."""


def walltime_seconds(text: str) -> float:
    """Parse SLURM's forms of a time limit: minutes, minutes:seconds, h:m:s, days-h, days-h:m, days-h:m:s, or none.

    Returns
    -------
    float
        Seconds; infinite for `UNLIMITED` and `INFINITE`.

    Raises
    ------
    ValueError
        The text has none of these forms, or is 0; the message says what to write.
    """
    if text.strip().lower() in NO_LIMIT:
        return math.inf
    if not _TIME.fullmatch(text.strip()):
        raise ValueError(
            f'{text!r} is not a time limit of SLURM: write hours, minutes and seconds as "4:00:00", minutes as "240", '
            'days and hours as "1-12", or "UNLIMITED"'
        )
    days, dash, rest = text.strip().rpartition("-")
    parts = [float(part) for part in rest.split(":")]
    # The first part is hours if days are given or there are three parts; otherwise it is minutes.
    units = (3600.0, 60.0, 1.0) if dash or len(parts) == 3 else (60.0, 1.0)
    seconds = float(days or 0) * 86400 + sum(part * unit for part, unit in zip(parts, units, strict=False))
    if not seconds:
        raise ValueError(f'{text!r} means no limit to SLURM: write "UNLIMITED" if you mean that')
    return seconds


def asks_for_gpu(gres: str | None, directives: Iterable[str]) -> bool:
    """Tell whether a GPU is requested from SLURM: by `gres`, or by an option of `sbatch`.

    A node, feature or partition with "gpu" in its name requests none.
    """
    return any(map(_is_gpu, (gres or "").split(","))) or any(map(_requests_gpu, directives))


def _requests_gpu(directive: str) -> bool:
    if found := _GPUS.fullmatch(directive.strip()):
        counts = [_COUNT.fullmatch(part.strip(" =\"'")) for part in found[1].split(",")]
        return any(count is None or int(count[1]) > 0 for count in counts)
    found = _GENERIC.fullmatch(directive.strip())
    return found is not None and any(map(_is_gpu, found[1].strip("\"'").split(",")))


def _is_gpu(resource: str) -> bool:
    found = _RESOURCE.fullmatch(resource.strip())
    return found is not None and found[1] in GPU_RESOURCES and found[3] != "0"


def check_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse options that would replace those that we set.

    Raises
    ------
    ValueError
        Names the option, and what to set instead.
    """
    for name, value in options.items():
        if name in OWN_OPTIONS:
            raise ValueError(_replaced(name, OWN_OPTIONS[name]))
        if name in ADDED_OPTIONS and not _are_texts(value):
            raise ValueError(f'{name} is {value!r}, but must be a list of texts, such as ["a", "b"]')
        if name == "scheduler_options":
            _check_scheduler(value)
    check_directives(options.get("job_extra_directives", ()))
    for argument in options.get("worker_extra_args", ()):
        if (name := argument.partition("=")[0].partition(" ")[0]) in OWN_ARGUMENTS:
            raise ValueError(_replaced(f"{name} in worker_extra_args", OWN_ARGUMENTS[name]))
    return options


def _check_scheduler(options: Any) -> None:
    if not isinstance(options, Mapping):
        raise ValueError(f"scheduler_options is {options!r}, but must be a table, such as {{ port = 8800 }}")
    for name in options:
        if name in OWN_SCHEDULER:
            raise ValueError(_replaced(f"{name} in scheduler_options", OWN_SCHEDULER[name]))


def check_directives(directives: Iterable[str]) -> None:
    """Refuse options of `sbatch` that would replace a key of the job or an option that we set.

    Raises
    ------
    ValueError
        Names the option, and what to set instead.
    """
    for directive in directives:
        check_one_line(directive)
        for name in options_in(directive):
            if (long := SHORT.get(name, name)) in OWN_DIRECTIVES:
                raise ValueError(_replaced(f"{name} in directives", OWN_DIRECTIVES[long]))


def options_in(directive: str) -> list[str]:
    """Return the names of the options in a line of `#SBATCH`: `--mem` of `--mem=4G`, `-p` of `-pgpu`."""
    try:
        words = shlex.split(directive)
    except ValueError:  # unclosed quotes
        words = directive.split()
    return [word.partition("=")[0] if word.startswith("--") else word[:2] for word in words if word.startswith("-")]


def check_one_line(text: str) -> None:
    """Refuse text with line breaks, because the shell would run the next line of a worker job's script.

    Raises
    ------
    ValueError
        Shows the text.
    """
    if len(text.splitlines()) > 1 or text != text.rstrip("\r\n"):
        raise ValueError(f"{text!r} has more than one line: write it on one line")


def check_drain(margin: float, walltime: float) -> None:
    """Refuse workers that would drain as soon as they start.

    Parameters
    ----------
    margin
        Latest start of draining, in seconds before the walltime's end.
    walltime
        Seconds.

    Raises
    ------
    WrongKeyError
        Says how long before the end workers drain, and what to change.
    """
    if EARLIEST * margin >= walltime:
        raise WrongKeyError(
            f"drain_seconds is too long: each worker drains {margin:.0f} to {EARLIEST * margin:.0f} s before a "
            f"walltime of {walltime:.0f} s ends: it would never work. Make cluster.drain_seconds smaller, or "
            "cluster.walltime longer",
            "drain_seconds",
        )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(text, str) for text in value)


def _replaced(name: str, instead: str) -> str:
    return f"{name} would replace what survey-batch sets: {f'set {instead}' if instead else 'leave it out'}"
