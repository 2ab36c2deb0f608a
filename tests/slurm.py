"""A private SLURM on this machine for the tests that need one, and what they look at in it."""

import os
import random
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE

SCRIPT = Path(__file__).parents[1] / "deploy" / "slurm" / "local-slurm.sh"
SETTINGS = {"kind": "slurm", "workers": 2, "memory": "1 GB", "walltime": "10", "poll_seconds": 0.5}
"""Of the table [cluster] for jobs on it."""
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue")


@contextmanager
def private_slurm(folder, nodes=2, cpus=2, gpus=1, *, over_memory=False):
    """Bring a SLURM up, and down again; commands of this process and its children find it.

    With `over_memory` it ends jobs that hold more memory than they asked for.
    """
    if os.geteuid() != 0 or any(shutil.which(name) is None for name in PROGRAMS):
        pytest.skip("needs root and Debian's SLURM: bash tests/install_system_packages.sh")
    settings = {
        "SLURM_DIR": str(folder),
        "SLURM_BASE_PORT": str(free_base(nodes + 1)),
        "SLURM_CONF": str(folder / "slurm.conf"),
        "SLURM_OVER_MEMORY": "1" if over_memory else "",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        subprocess.run(["bash", SCRIPT, "up", str(nodes), str(cpus), str(gpus)], check=True)
        yield folder
    finally:
        subprocess.run(["bash", SCRIPT, "down"], check=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def free_base(number):
    """The first of so many ports in a row on which nobody listens, below those that Linux gives to clients."""
    for base in random.sample(range(20_000, 30_000, number), 100):
        with ExitStack() as tried:
            try:
                for port in range(base, base + number):
                    tried.enter_context(socket.create_server(("", port)))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")


def jobs(what="%i", state="RUNNING,PENDING"):
    """What `squeue` says of the jobs of the private SLURM."""
    done = subprocess.run(
        ["squeue", "--noheader", f"--states={state}", f"--format={what}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")[:-1]


def wait_for_jobs(number, seconds=PATIENCE, state="RUNNING", what="%i"):
    """Wait until at least so many jobs are in a state; return their numbers, or what else is asked for."""
    deadline = time.monotonic() + seconds
    while len(found := jobs(what, state)) < number:
        assert time.monotonic() < deadline, f"{found} are {state}, not {number}; all: {jobs('%i %T %r')}"
        time.sleep(0.1)
    return found


def scontrol(*arguments):
    """Change something in the private SLURM."""
    subprocess.run(["scontrol", *arguments], check=True)


def resume(node):
    """Bring a node back that was taken down; one that has come back by itself is left alone."""
    subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=False, capture_output=True)
