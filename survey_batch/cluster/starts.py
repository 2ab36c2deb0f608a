"""Worker jobs that end before their worker reaches the scheduler: growing waits, and a refusal in the end."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from survey_batch.cluster.base import Say
from survey_batch.cluster.words import End, last_line
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import duration

ROUNDS_ALLOWED = 5
"""Rounds in a row after which a run without any worker ends. Something is wrong that would repeat for ever."""

ROUNDS_BEFORE_ADVICE = 3
"""Rounds in a row after which a run that has workers elsewhere says how to leave the node out."""

LONGEST_WAIT = 16
"""The longest wait, as a multiple of the first."""


class FailedStarts:
    """Count of the worker jobs in a row that ended before their worker reached the scheduler.

    Jobs that end at about the same time are one round. After a round nothing is submitted for a while, and then one
    job, until a worker reaches the scheduler.

    Parameters
    ----------
    wait
        Seconds to wait after the first round; each further wait is twice as long.
    folder
        Of the jobs' logs.
    say
        Called with messages for the user.
    now
        Returns the time in seconds.
    """

    def __init__(self, wait: float, folder: Path, say: Say, now: Callable[[], float]) -> None:
        self.wait, self.folder, self.say, self.now = wait, folder, say, now
        self.forgive()

    def forgive(self) -> None:
        """Begin anew: a worker has reached the scheduler."""
        self.rounds, self.until = 0, self.now()
        self.nodes: Counter[str] = Counter()

    def most(self, missing: int, starting: int) -> int:
        """Return how many of the missing jobs may be submitted now, while others have no worker yet."""
        if not self.rounds:
            return missing
        return 0 if starting or self.now() < self.until else min(missing, 1)

    def note(self, number: str, end: End, seconds: float, log: str | None) -> None:
        """Count a job that ended so many seconds after it was submitted, and say so once for each round."""
        self.nodes[end.node or "an unknown node"] += 1
        if self.rounds and self.now() < self.until:
            return
        pause = self.wait * min(2**self.rounds, LONGEST_WAIT)
        self.rounds, self.until = self.rounds + 1, self.now() + pause
        wrote = f"its log ends: {last_line(log).rstrip('.')}" if log else f"it wrote no log in {self.folder}"
        advice = self._leave_out(end.node) if self.rounds == ROUNDS_BEFORE_ADVICE else ""
        self.say(
            f"worker job {number} {end}, {duration(seconds)} after it was submitted and before its worker reached the "
            f"scheduler; {wrote}. Trying again in {duration(pause)}{advice}"
        )

    def check(self, number: str, end: End, log: str | None) -> None:
        """Refuse to go on after `ROUNDS_ALLOWED` rounds, unless jobs are ended from outside; for a run without workers.

        Raises
        ------
        ConfigurationError
            Says what the last job left, and what to check.
        """
        if self.rounds < ROUNDS_ALLOWED or end.outside:
            return
        raise ConfigurationError(
            f"{self.nodes.total()} worker jobs in a row ended before their worker reached the scheduler "
            f"({', '.join(f'{count} on {node}' for node, count in self.nodes.most_common(3))}). The last one "
            f"(job {number}) {end}. {self._advice(log)}{self._leave_out(end.node)}"
        )

    def _advice(self, log: str | None) -> str:
        if log is None:  # SLURM opens the log on the node; if it cannot, the job ends without a word
            return (
                f"It left no log in {self.folder}: its node does not see this folder. Choose an output that all nodes "
                "see, and give its full path"
            )
        return (
            f"Check cluster.prologue, cluster.python and cluster.interface, and that workers see {self.folder} (also "
            f"from within a container). It wrote:\n{log or 'nothing'}"
        )

    def _leave_out(self, node: str) -> str:
        if not node or len(self.nodes) > 1:
            return ""
        return f'\nIf other nodes work, leave this one out: cluster.directives = ["--exclude={node}"]'
