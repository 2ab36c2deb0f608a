"""Learn from a whole product before a stage begins: workers sum parts, which are added in the order of the shards."""

import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from dask.typing import Key
from distributed import Client, Future, KilledWorker

from survey_batch.cluster.base import Connection
from survey_batch.config.job import Job
from survey_batch.core.errors import SurveyBatchError
from survey_batch.core.threads import one_thread
from survey_batch.core.tracebacks import short_tracebacks
from survey_batch.execution.failures import ERRORS_ALLOWED, Deaths
from survey_batch.stages import make_stage
from survey_batch.stages.base import Coordinates, fit_groups
from survey_batch.store.damage import DamagedError
from survey_batch.store.products import confirmed
from survey_batch.store.schema import Shard

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Sums that may wait to be added; each sum for principal components takes 122 MB."""


def fit(connection: Connection, job: Job, name: str, shards: Sequence[Shard], sample: Any = None) -> Coordinates:
    """Learn what a stage needs, on a cluster; the result does not depend on the number of workers.

    `sample` is what the stage's `fit_sample` chose.

    The division into parts is fixed, and parts are added one by one in the order of their shards. When a worker dies,
    its unfinished work and any of its results that are still needed are done again. Deaths count as they do for shards:
    a part that may have used up its tries waits until it is known why its workers died.

    Raises
    ------
    SurveyBatchError
        Workers died repeatedly over one part, could repeatedly not read what this process can, or the cluster gave up.
    DamagedError
        The product cannot be read.
    """
    end, *others = _submit(connection.client, job, name, shards, sample)
    deaths, unread = Deaths.on(connection), 0
    while True:
        connection.wait(end)
        try:
            ended: Coordinates = end.result()
        except KilledWorker as error:
            reason = deaths.note(error.task, error)
            log.warning("fitting %s: %s; trying again", name, reason, extra={"event": "retry", "stage": name})
            while deaths.in_doubt(error.task):
                connection.pause()
            if (why := deaths.verdict(error.task)) is not None:
                raise SurveyBatchError(f"fitting {name}: {why}") from error
            _retry(connection.client, [end, *others])
        except DamagedError as error:
            if error.output != job.output or confirmed(error):
                raise
            unread += 1
            log.warning("fitting %s: a worker says that %s; trying again", name, error)
            if unread >= ERRORS_ALLOWED:
                why = f"fitting {name}: a worker says that {error}, but this process can read it"
                raise SurveyBatchError(f"{why}: see whether all nodes see the same output") from error
            _retry(connection.client, [end, *others])
        else:
            return ended


def _submit(client: Client, job: Job, name: str, shards: Sequence[Shard], sample: Any) -> list[Future]:
    """Submit the whole fit; the final task comes first in the list."""
    key = f"{name}-fit-{uuid4().hex[:8]}"  # a shared scheduler may hold another run's tasks
    whole: Future | None = None
    added: list[Future] = []
    groups = fit_groups(shards)
    for number, group in enumerate(groups):
        before = added[number - AT_ONCE] if number >= AT_ONCE else None
        part = client.submit(_part, job, name, group, sample, before, key=(f"{key}-part", number), pure=False)
        whole = part if whole is None else client.submit(_merge, job, name, whole, part, key=(f"{key}-add", number))
        if number + AT_ONCE < len(groups):  # that part waits for this sum
            added.append(client.submit(_nothing, whole, key=(f"{key}-added", number)))
    return [client.submit(_end, job, name, whole, key=key, pure=False), *added]


def _retry(client: Client, futures: Sequence[Future]) -> None:
    """Retry failed tasks like `Client.retry`, which fails on tasks that the client has already released.

    `Client.retry` has one more fault: it marks tasks as pending after the scheduler answered. A task that ended before
    then stays pending for ever. Here they are marked first; what the scheduler says of them later comes in order.
    """
    client.sync(_retried, client, [future.key for future in futures if future.status == "error"])


async def _retried(client: Client, keys: list[Key]) -> None:
    for key in keys:
        client.futures[key].retry()
    await client.scheduler.retry(keys=keys, client=client.id)


@short_tracebacks()
@one_thread()
def _part(job: Job, name: str, shards: Sequence[Shard], sample: Any, before: None) -> Any:  # noqa: ARG001
    return make_stage(job, name).fit_part(shards, sample)


@short_tracebacks()
@one_thread()
def _merge(job: Job, name: str, before: Any, part: Any) -> Any:
    return make_stage(job, name).fit_merge([before, part])


@short_tracebacks()
@one_thread()
def _end(job: Job, name: str, whole: Any) -> Coordinates:
    return make_stage(job, name).fit_end(whole)


def _nothing(done: Any) -> None:
    """Mark that a sum was added, without keeping it in memory."""
