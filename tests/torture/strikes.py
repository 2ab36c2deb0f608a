"""Strikes: who is hit by which signal at which access to which file, or what is done to the disk then.

`hook/sitecustomize.py` carries them out.
"""

import json
import os
import signal
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

HOOK = Path(__file__).parent / "hook"


@dataclass(frozen=True)
class Strike:
    """One signal, or one command, at one moment.

    Attributes
    ----------
    event
        `read`, `write`, `rename`, `link` or `remove`; the signal comes before it happens.
    path
        Regular expression that the file's path contains.
    victim
        `self` (whoever does it), `parent`, `client`, `scheduler`, or `group`: the client and its workers.
    nth
        The n-th such event of one process.
    delay
        Seconds between the event and the signal.
    by
        Which process's events count: `client`, `worker`, `scheduler` or `any`.
    command
        Done instead of sending a signal, by a shell, while the process waits.
    """

    event: str
    path: str
    victim: str = "self"
    nth: int = 1
    delay: float = 0.0
    signal: int = signal.SIGKILL
    by: str = "any"
    command: str = ""


@contextmanager
def striking(folder, strikes):
    """Have the processes that start in this context struck; yields `struck`."""
    folder.mkdir(parents=True)
    (folder / "strikes.json").write_text(json.dumps([asdict(strike) for strike in strikes]))
    path = os.pathsep.join([str(HOOK), *filter(None, [os.environ.get("PYTHONPATH")])])
    with mock.patch.dict(os.environ, {"SURVEY_BATCH_STRIKES": str(folder), "PYTHONPATH": path}):
        yield lambda: struck(folder)


def struck(folder):
    """When strikes fell, in seconds since 1970."""
    times = folder / "times"
    return [float(line) for line in times.read_text().split()] if times.exists() else []
