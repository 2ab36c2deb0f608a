"""A worker of the job's own cluster that answers questions."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

from survey_batch.cluster import connect, kind_of
from survey_batch.cluster.base import LOOK_SECONDS, Connection, Say
from survey_batch.cluster.tables import Table
from survey_batch.config.job import Job
from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url, join
from survey_batch.core.tracebacks import short_tracebacks
from survey_batch.core.wording import duration

T = TypeVar("T")
P = ParamSpec("P")

LONGER = 60.0
"""Seconds beyond `pending_seconds` after which we give up on a cluster that says nothing."""

ANSWER_SECONDS = 300.0
"""Time after which a question counts as unanswered: importing a framework from a busy file system may take minutes."""


class NoAnswerError(ConfigurationError):
    """No worker comes, or it does not answer."""


@dataclass
class Visit:
    """One worker of a table.

    Attributes
    ----------
    connection : Connection
    address : str
        Of the worker.
    waited : float
        Seconds until it came.
    """

    connection: Connection
    address: str
    waited: float

    def ask(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function on the worker; raise what it raises there, or `NoAnswerError`."""
        client = self.connection.client
        if self.address not in _workers(self.connection):  # an earlier question killed it; its nanny starts another
            self.address = _first_worker(self.connection, LONGER)
        key = f"doctor-{getattr(function, '__name__', 'question')}-{uuid4().hex[:8]}"
        future: Any = client.submit(_answer, function, *args, key=key, workers=[self.address], pure=False, **kwargs)
        if not self.connection.wait(future, ANSWER_SECONDS):
            raise NoAnswerError(f"the worker did not answer in {ANSWER_SECONDS:.0f} s")
        answer: T = future.result()
        return answer


@short_tracebacks()
def _answer(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return function(*args, **kwargs)


def doctor_folder(job: Job) -> str:
    """Return the folder for scripts and logs of the doctor's own workers, apart from those of a run."""
    return join("survey-batch" if is_url(job.output) else join(job.output, "log"), "doctor")


@contextmanager
def visited(job: Job, table: Table, say: Say) -> Iterator[Visit]:
    """Ask the cluster for one worker, which ends with the `with` block.

    Raises
    ------
    NoWorkersError, NoAnswerError, ConfigurationError
        No worker comes within `pending_seconds` (with SLURM's reason), or the cluster cannot be opened.
    """
    section = table.section.model_copy(update={"workers": 1, "when_pending": "stop"})
    patience = section.pending_seconds
    if queue := kind_of(section).queue:
        say(f"asking {queue} for a worker of [{table.name}]; waiting up to {duration(patience)}")
    begun = time.monotonic()
    with connect(section, doctor_folder(job), say, job.name) as connection:
        address = _first_worker(connection, patience + 2 * section.poll_seconds + LONGER, gpu=table.predicts)
        yield Visit(connection, address, time.monotonic() - begun)


def _first_worker(connection: Connection, patience: float, *, gpu: bool = False) -> str:
    deadline = time.monotonic() + patience
    while not (there := _workers(connection)):
        time.sleep(LOOK_SECONDS)
        connection.check()
        interrupt.check()
        if time.monotonic() > deadline:
            raise NoAnswerError(f"no worker came within {duration(patience)}")
    with_gpu = [address for address, worker in there.items() if "GPU" in worker["resources"]]
    return next(iter(with_gpu if gpu and with_gpu else there))


def _workers(connection: Connection) -> dict[str, Any]:
    found: dict[str, Any] = connection.client.scheduler_info(n_workers=-1)["workers"]
    return found
