"""A private SLURM whose nodes, jobs and controller get into trouble in the middle of a run."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from tests.processes import Command, command, complete, kill
from tests.servers import http_server
from tests.slurm import PROGRAMS, SETTINGS, private_slurm, wait_for_jobs
from tests.torture.disks import may_mount
from tests.torture.rounds import Outcome, Round, Scenario
from tests.torture.scene import NOISE, SPECTRA, gap

LIMIT = 900
"""Seconds after which a run hangs."""
OBJECTS = 48
AWAY_SECONDS = 150.0
GPU = {"partition": "gpu", "gres": "gpu:1", "workers": 1, "cores": 2, "memory": "2 GB", "allow_cpu": True}


@dataclass(frozen=True)
class Trouble:
    """A job on SLURM, and what comes over it.

    Attributes
    ----------
    come
        Does it while the run goes on; returns when, in seconds since 1970.
    cluster, objects, connections, delay
        Keys of the tables `[cluster]`, `[shards]` and `[archive]`, and how long the server of the archive takes for a
        file; without a delay the archive is a folder.
    hidden
        What node `n2` does not see: `archive` or `output`.
    """

    come: Callable[[Command], list[float]] = lambda _: []
    cluster: dict[str, Any] = field(default_factory=dict)
    objects: int = 4
    connections: int = 2
    delay: float = 0.0
    hidden: str = ""


def there() -> bool:
    """Tell whether this machine can bring a SLURM up, and hide folders from single processes."""
    return all(shutil.which(name) for name in PROGRAMS) and may_mount()


def on_slurm(this: Round, *, trouble: Trouble) -> Outcome:
    """Do a job here, on SLURM, and on SLURM with trouble; the products must be the same."""
    outcome, scene = Outcome(), replace(this.scenes[SPECTRA], folder=this.folder)
    tables: dict[str, Any] = {"shards": {"objects": trouble.objects}}
    slurm = Path(tempfile.mkdtemp())  # the path of a socket must be short
    with private_slurm(slurm, nodes=2, cpus=4), archive_of(this, trouble) as root:
        tables["archive"] = {"root": root, "connections": trouble.connections}
        cluster = {**SETTINGS, "memory": "1200 MB", "pending_seconds": 20, **trouble.cluster, "gpu": GPU}
        complete(scene.job(scene.undisturbed, **tables), this.folder / "here")
        calm = timed(scene.job(this.folder / "calm", cluster=cluster, **tables), this, outcome, lambda _: [])[0]
        output = this.folder / "out"
        if trouble.hidden:
            output.mkdir()
            hidden = root if trouble.hidden == "archive" else output
            cluster |= {"python": str(python_on_nodes(this.folder, hidden)), "directives": ["--exclusive"]}
        seconds, times = timed(scene.job(output, cluster=cluster, **tables), this, outcome, trouble.come)
    outcome.faults, outcome.longer = len(times) or 1, round(seconds - calm, 1)
    outcome.what = f"undisturbed {calm:.1f} s, disturbed {seconds:.1f} s"
    outcome.verdict, outcome.standstill = scene.judge(output), gap(output, times)
    if not scene.judge(this.folder / "calm").right:
        outcome.wrong.append("the undisturbed run on SLURM differs from that on this machine")
    return outcome


@contextmanager
def archive_of(this: Round, trouble: Trouble) -> Iterator[str]:
    """Give the archive's folder, or the address of a server that takes its time."""
    folder = this.scenes[SPECTRA].folder / "archive"
    if not trouble.delay:
        yield str(folder)
        return
    with http_server(folder, delay=trouble.delay) as server:
        yield server.url


def timed(job: Any, this: Round, outcome: Outcome, come: Callable[[Command], list[float]]) -> tuple[float, list[float]]:
    """Run a job to its end; return the seconds that it took, and when trouble came."""
    begun = time.monotonic()
    with command(job, this.folder) as running:
        times = come(running)
        code = running.wait(LIMIT)
        seconds, messages = time.monotonic() - begun, running.messages
    outcome.wrong += [f"{noise!r} in {messages[-2000:]}" for noise in NOISE if noise in messages]
    if code:
        outcome.wrong.append(f"exit code {code}: {messages[-2000:]}")
    return seconds, times


def python_on_nodes(folder: Path, hidden: Path | str) -> Path:
    """Write an interpreter that sees an empty folder in place of another one if it is on node n2."""
    path = folder / "python"
    hide = f'mount -t tmpfs none {hidden}; exec {sys.executable} "$@"'
    path.write_text(
        f"#!/bin/bash\n[ $SLURMD_NODENAME = n2 ] && exec unshare -m bash -c '{hide}' - \"$@\"\n"
        f'exec {sys.executable} "$@"\n'
    )
    path.chmod(0o755)
    return path


def preempted(running: Command, times: int = 3) -> list[float]:
    """Have urgent jobs take the nodes, each time when the shard is being worked on."""
    found = []
    for _ in range(times):
        wait_for_jobs(1)
        time.sleep(8)  # the worker has started, and fetches
        found.append(time.time())
        urgent = ["sbatch", "-p", "urgent", "-N2", "--exclusive", "--output=/dev/null", "--wait", "--wrap=true"]
        subprocess.run(urgent, check=True, stdout=subprocess.DEVNULL)
    return found


def controller_away(running: Command) -> list[float]:
    """Kill the controller when the first phase is nearly done, and start it again much later."""
    running.wait_for(OBJECTS - 4, "features")
    kill(psutil.Process(int(Path(os.environ["SLURM_DIR"], "slurmctld.pid").read_text())))
    found = time.time()
    time.sleep(AWAY_SECONDS)
    subprocess.run(["slurmctld"], check=True)
    return [found]


def half_cancelled(running: Command) -> list[float]:
    """Cancel half of the worker jobs at once."""
    jobs = wait_for_jobs(8)
    running.wait_for(4)
    subprocess.run(["scancel", *jobs[::2]], check=True)
    return [time.time()]


TROUBLES = {
    "a node without the archive": Trouble(hidden="archive"),
    "a node without the output": Trouble(hidden="output"),
    "three preemptions of one shard": Trouble(preempted, {"workers": 1}, objects=OBJECTS, delay=0.5),
    "controller away at the change of phase": Trouble(controller_away),
    # With more memory the nodes have no room for eight jobs, as dask-jobqueue asks SLURM for whole GB from one on.
    "four of eight workers cancelled": Trouble(
        half_cancelled, {"workers": 8, "memory": "1 GB"}, delay=3.0, connections=4
    ),
}
SCENARIOS = [Scenario(f"{name}, SLURM", partial(on_slurm, trouble=one), 4) for name, one in TROUBLES.items()]
