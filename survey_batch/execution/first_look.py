"""The first shards of a run, spread over the catalogue: if none of their files can be read, the run stops.

With a wrong root, an archive that is not mounted or a misspelt release, every file seems to be missing. If the run went
on, each object would get a final status for that. If a server is down, the run would ask it for every object, again and
again. If a survey's reader has a fault, the run would fetch the whole archive for nothing.
"""

import logging
import re
from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from survey_batch.cluster.base import Connection
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url
from survey_batch.core.status import Status, usable
from survey_batch.core.wording import counted
from survey_batch.planning.plan import Plan
from survey_batch.preflight.phases import Group
from survey_batch.preflight.trial import keys_named, knock, sample_rows
from survey_batch.stages import Stage
from survey_batch.store.notes import problems_of
from survey_batch.store.problems import count_reasons, pattern_of
from survey_batch.store.products import mark_pending, read_status
from survey_batch.store.schema import Array, Shard

log = logging.getLogger(__name__)

FIRST_SHARDS = 8
"""Minimum number of shards done before all others. They are spread evenly over the catalogue, so that an archive that
lacks only the first or last part of the catalogue does not look empty."""

FIRST_ROWS = 100
"""Minimum number of rows (for frames: bands) to look at, if there are that many."""

LEAST_ROWS = 10
"""Fewer rows say nothing about an archive, and a mistake is easy to see in so small a catalogue."""

_BANDS = re.compile(r"; \w: ")
"""Separator between the bands in one message."""

NOTHING = (Status.NOT_FOUND, Status.UNREADABLE, Status.UNREACHABLE, Status.FAILED)


class FirstLook:
    """Watch on a group of stages that fetches from the archive, until the first usable data arrives.

    Parameters
    ----------
    job : Job
    group : Group
        Its products must exist.
    """

    def __init__(self, job: Job, group: Group) -> None:
        self.job, self.stored = job, group.stored
        self.stage = next((stage for stage in group.stages if stage.phase == "ingest"), None)
        asked = job.archive.when_nothing_found == "stop" and self.stage is not None
        self.watches = asked and not any(usable(read_status(job.output, stage.name)).any() for stage in self.stored)

    def forget(self, shards: Sequence[Shard]) -> None:
        """Mark the rows of an interrupted first look as pending, so that they are looked at again."""
        if self.watches:
            self._mark_pending(shards)

    def shards(self, left: Sequence[Shard]) -> list[Shard]:
        """Choose the shards to do first; none if there is nothing to watch."""
        if not self.watches or not left:
            return []
        rows = self._status(left[:1]).size
        number = min(len(left), max(FIRST_SHARDS, -(-FIRST_ROWS // rows)))
        return [left[index] for index in np.unique(np.linspace(0, len(left) - 1, number).round().astype(int))]

    def knock(self, connection: Connection, plan: Plan) -> None:
        """Stop before the first shard if a few requests to a server all fail for the same reason.

        A run has much patience with each file; trying all of the first shards would take hours.

        Raises
        ------
        ConfigurationError
            Says what was looked for.
        """
        files = sample_rows(plan, LEAST_ROWS) if is_url(self.job.archive.root) else []
        if self.stage is None or not files or plan.size(self.stage.axis) < LEAST_ROWS:
            return
        asked = list(islice(cycle(files), LEAST_ROWS))
        future = connection.client.submit(knock, self.job, asked, pure=False)
        connection.wait(future)
        if future.status != "finished":  # the shards will report what went wrong on the worker; they are retried
            log.warning("the archive could not be tried: %s", future.status)
            return
        answers = future.result()
        reasons = {pattern_of(answer.message) for answer in answers}
        if len(reasons) == 1 and all(answer.status == Status.UNREACHABLE for answer in answers):
            found = (
                f"none of {counted(len(answers), 'request')} got a file, all for the same reason ({answers[0].message})"
            )
            sources = [answer.source for answer in answers]
            raise ConfigurationError(_explained(self.job, self.stage, Status.UNREACHABLE, found, sources))

    def judge(self, first: Sequence[Shard]) -> None:
        """Stop the run if no file was found, or if none could be reached or read or all failed, for the same reason.

        Raises
        ------
        ConfigurationError
            Says what was looked for. These rows are pending again.
        """
        status = self._status(first)
        looked = status[status != Status.INVALID]
        what = next((kind for kind in NOTHING if looked.size >= LEAST_ROWS and (looked == kind).all()), None)
        if what is None or self.stage is None:
            return
        problems = problems_of(self.job.output, self.stage.name, first)
        reasons = count_reasons(problems)
        if what != Status.NOT_FOUND and len(reasons) != 1:
            return
        sources = [str(source) for source in dict.fromkeys(problems["source"].to_pylist()) if source]
        self._mark_pending(first)
        rows = f"none of the first {looked.size:,} {'objects' if self.stage.axis == 'object' else 'frames'}"
        found = {
            Status.NOT_FOUND: f"{rows} that were looked for is in the archive",
            Status.UNREADABLE: f"{rows} can be read",
            Status.UNREACHABLE: f"{rows} can be reached",
            Status.FAILED: f"{rows} came through",
        }[what] + f", all for the same reason ({_BANDS.split(reasons[0][2])[0]})" * (what != Status.NOT_FOUND)
        raise ConfigurationError(_explained(self.job, self.stage, what, found, sources))

    def _status(self, shards: Sequence[Shard]) -> Array:
        """Return the statuses of some shards in all products of the group."""
        read = (read_status(self.job.output, stage.name, shard.rows) for stage in self.stored for shard in shards)
        return np.concatenate([status.ravel() for status in read])

    def _mark_pending(self, shards: Sequence[Shard]) -> None:
        for stage in self.stored:
            status = read_status(self.job.output, stage.name)
            found = [shard for shard in shards if np.isin(status[shard.rows], NOTHING).any()]
            if found:
                log.info("%s: %s pending again", stage.name, counted(len(found), "shard"), extra={"event": "pending"})
                mark_pending(self.job.output, stage.name, found)


def _explained(job: Job, stage: Stage, what: Status, found: str, sources: Sequence[str]) -> str:
    examples = f", such as {' and '.join((sources[0], sources[-1])[: len(sources)])}" if sources else ""
    root, mounted = is_url(job.archive.root), ", and whether the archive is mounted where the workers are"
    located_by = job.survey.located_by()
    look = f"Check {located_by}" + ("" if root else mounted)
    again = "If the archive is right, and the run should continue anyway"
    if what == Status.UNREACHABLE:
        look += ", and whether the server answers" * root
        again = "Run the same command again when it answers. To continue without waiting"
    elif what == Status.UNREADABLE:
        keys = keys_named(job, found)
        look = f"The files are there: see what they hold. If they are not what was expected, check {located_by}"
        look = f"Set {keys} as the reason says, and run the same command again" if keys else look
    elif what == Status.FAILED:
        look = "Mend what it names, and run the same command again; the traceback of an error is in the run's log"
        again = "To continue anyway"
    return (
        f"{stage.name}: {found}{examples}. {look}. The run has stopped, and what it tried is pending "
        f"again. {again}: --set archive.when_nothing_found=go_on"
    )
