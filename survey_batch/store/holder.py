"""Who holds a lock: this process as a lock's text names it, and whether another one has certainly ended."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from typing import TypedDict

import psutil


class Holder(TypedDict):
    """Who holds an output.

    The batch job in which a driver runs is named because all machines of a cluster can tell whether it has ended.
    """

    host: str
    """Name of its machine."""
    pid: int
    """Its process there."""
    started: float
    """When the process began, in seconds since 1970."""
    user: str
    """Who started it."""
    slurm_job: str
    """The SLURM job in which it runs; empty if there is none."""
    slurm_restart: str
    """How often SLURM has restarted that job."""
    slurm_cluster: str
    """The cluster of that job."""
    since: str
    """When it took the output, in its machine's local time."""
    token: str
    """Of this one lock."""


def this_process() -> bytes:
    """Describe this process as the holder of one lock; no two descriptions are the same."""
    me = psutil.Process()
    holder = Holder(
        host=socket.gethostname(),
        pid=me.pid,
        started=me.create_time(),
        user=getpass.getuser(),
        slurm_job=os.environ.get("SLURM_JOB_ID", ""),
        slurm_restart=os.environ.get("SLURM_RESTART_COUNT", "0"),
        slurm_cluster=os.environ.get("SLURM_CLUSTER_NAME", ""),
        since=time.strftime("%Y-%m-%d %H:%M:%S"),
        token=uuid.uuid4().hex,
    )
    return json.dumps(holder).encode()


def is_dead(holder: Holder) -> bool:
    """Tell whether a lock's holder has certainly ended: its process on this machine, or its SLURM job anywhere."""
    if holder["host"] != socket.gethostname():
        return slurm_job_ended(holder)
    try:
        process = psutil.Process(holder["pid"])
        # A process id can be reused, and a dead child stays a zombie until its parent collects it.
        return bool(process.create_time() != holder["started"] or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def slurm_job_ended(holder: Holder) -> bool:
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
