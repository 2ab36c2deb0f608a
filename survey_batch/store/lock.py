"""One run at a time per output: a lock file that names its holder, and a clear way to take over a dead lock."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from fsspec.core import url_to_fs

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url, join, make_folder, read_json

LOCK = "lock.json"

UNKNOWN = {"started": 0.0, "user": "?", "since": "?"}
"""What a lock that does not say them has in place of these."""


@contextmanager
def locked(output: str, *, force: bool = False, what: str = "run") -> Iterator[None]:
    """Hold an output's lock; messages name the holder as `what`.

    A lock is taken over if its process ran on this machine and has ended, or if its SLURM job has ended. Any other
    lock from another machine may still be in use, so only `force` takes it over.

    Raises
    ------
    ConfigurationError
        Another run holds the lock.
    """
    path = join(output, LOCK)
    make_folder(output)
    if force:
        _remove(path)
    _take(path, what)
    try:
        yield
    finally:
        _remove(path)


def _take(path: str, what: str) -> None:
    if _create(path):
        return
    holder = _holder(path)
    if holder and not is_dead(holder):
        raise ConfigurationError(
            f"{path}: another {what} holds this output: process {holder['pid']} of {holder['user']} on "
            f"{holder['host']}, since {holder['since']}. Wait for it; if you know that it is dead, "
            + ("run again with --break-lock." if what == "run" else "remove this file.")
        )
    _remove(path)
    if not _create(path):
        raise ConfigurationError(f"{path}: another {what} has just taken this output; wait for it and try again")


def _create(path: str) -> bool:
    me = psutil.Process()
    holder = {
        "host": socket.gethostname(),
        "pid": me.pid,
        "started": me.create_time(),
        "user": getpass.getuser(),
        # The batch job in which a driver runs: all machines of the cluster can tell whether it has ended.
        "slurm_job": os.environ.get("SLURM_JOB_ID", ""),
        "slurm_restart": os.environ.get("SLURM_RESTART_COUNT", "0"),
        "slurm_cluster": os.environ.get("SLURM_CLUSTER_NAME", ""),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    data = json.dumps(holder).encode()
    try:
        if is_url(path):
            _create_remote(path, data)
        else:
            _create_local(Path(path), data)
    except FileExistsError:
        return False
    return True


def _create_remote(path: str, data: bytes) -> None:
    """Create an object if it does not exist yet."""
    filesystem, inside = url_to_fs(path)
    try:
        filesystem.pipe_file(inside, data, mode="create")
    except OSError as error:
        # s3fs has no separate error for a condition that fails.
        code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
        if code in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise FileExistsError(path) from error
        raise


def _create_local(path: Path, data: bytes) -> None:
    """Link a complete file into place, so that no reader sees half a lock; fails if a file is already there."""
    temporary = path.with_name(f".lock.{os.getpid()}")
    temporary.write_bytes(data)
    try:
        os.link(temporary, path)
    finally:
        temporary.unlink()


def _holder(path: str) -> dict[str, Any] | None:
    """Return what a lock says of its holder; None if there is no lock, or one that is damaged: it is written whole."""
    try:
        holder = read_json(path)
    except (FileNotFoundError, ValueError):
        return None
    known = isinstance(holder, dict) and isinstance(holder.get("host"), str) and isinstance(holder.get("pid"), int)
    return {**UNKNOWN, **holder} if known else None


def holder_of(output: str) -> dict[str, Any] | None:
    """Return the holder of an output's lock, dead or alive; None if nobody holds it."""
    return _holder(join(output, LOCK))


def is_dead(holder: dict[str, Any]) -> bool:
    """Tell whether a lock's holder has certainly ended: its process on this machine, or its SLURM job anywhere."""
    if holder["host"] != socket.gethostname():
        return slurm_job_ended(holder)
    try:
        process = psutil.Process(holder["pid"])
        # A process id can be reused, and a dead child stays a zombie until its parent collects it.
        return bool(process.create_time() != holder["started"] or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def slurm_job_ended(holder: dict[str, Any]) -> bool:
    """Tell whether a holder's SLURM job has ended, or is this job and SLURM has restarted it since."""
    job = holder.get("slurm_job")
    if not job:
        return False
    if os.environ.get("SLURM_JOB_ID") == job:
        return bool(holder.get("slurm_restart") != os.environ.get("SLURM_RESTART_COUNT", "0"))
    # A job of another user may be hidden, and a job of another cluster is never listed.
    if holder["user"] != getpass.getuser() or holder.get("slurm_cluster") != _slurm_cluster():
        return False
    listed = _output("squeue", "--noheader", "--states=RUNNING,COMPLETING,SUSPENDED", "--format=%i")
    return listed is not None and job not in listed.split()


def _slurm_cluster() -> str | None:
    """Return the name of the cluster that this machine's SLURM commands belong to."""
    settings = (_output("scontrol", "show", "config") or "").splitlines()
    names = [line.partition("=")[2].strip() for line in settings if line.startswith("ClusterName")]
    return names[0] if names else None


def _output(command: str, *arguments: str) -> str | None:
    """Return the output of a SLURM command; None if it is not installed or fails."""
    path = shutil.which(command)
    if path is None:
        return None
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


def _remove(path: str) -> None:
    filesystem, inside = url_to_fs(path)
    try:
        filesystem.rm_file(inside)
    except FileNotFoundError:
        return
