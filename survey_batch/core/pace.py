"""The current pace of a stage, and whether it has stalled, from the times when its shards finished."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from survey_batch.core import wording

RATE_SECONDS = 60.0
"""Minimum time over which a rate is measured."""
GAPS = 2.0
"""A rate is measured over this many times the longest wait between shards, if that is longer than a minute."""
PATIENCE = 3.0
"""A stage has stalled if no shard finishes within this many times the longest wait so far."""
TOGETHER = 1.0
"""Shards that finish within this many seconds count as one step."""
STEPS = 200
"""Number of steps remembered."""


@dataclass(frozen=True)
class Pace:
    """The pace of a stage at one time.

    Attributes
    ----------
    rate : float
        Rows per second over the last minute, or over a longer time if shards take longer.
    idle : float
        Seconds since a shard finished, or since the stage began.
    stalled : bool
        Whether `idle` is so long that the time left is unknown.
    """

    rate: float = 0.0
    idle: float = 0.0
    stalled: bool = False

    def seconds_left(self, rows: int) -> float | None:
        """Return the time left for some rows; None if unknown."""
        if not rows:
            return 0.0
        return rows / self.rate if self.rate and not self.stalled else None

    def left(self, rows: int) -> str:
        """Return the time left for some rows in words; if stalled, say when the last shard finished."""
        seconds = self.seconds_left(rows)
        if self.stalled:
            return f"last shard finished {wording.duration(self.idle)} ago"
        return "?" if seconds is None else wording.duration(seconds) if seconds else ""


class Steps:
    """Times at which rows were finished, in seconds of any clock."""

    def __init__(self, begun: float) -> None:
        self.steps = deque([(begun, 0)], maxlen=STEPS)

    def add(self, time: float, rows: int) -> None:
        """Count finished rows."""
        last, worked = self.steps[-1]
        if len(self.steps) > 1 and time - last < TOGETHER:
            self.steps[-1] = (last, worked + rows)
        else:
            self.steps.append((time, worked + rows))

    def pace(self, now: float) -> Pace:
        """Return the pace at a time."""
        times = [time for time, _ in self.steps]
        idle = max(0.0, now - times[-1])
        if len(times) < 2:
            return Pace(idle=idle)
        longest = max(later - earlier for earlier, later in pairwise(times))
        since = now - max(RATE_SECONDS, GAPS * longest)
        begin, before = next(((t, w) for t, w in reversed(self.steps) if t <= since), self.steps[0])
        rate = (self.steps[-1][1] - before) / max(now - begin, 1e-6)
        return Pace(rate, idle, idle > max(RATE_SECONDS, PATIENCE * longest))


def pace_of(begun: float, finished: Iterable[tuple[float, int]], now: float) -> Pace:
    """Return the pace of a stage from its start and the times at which it finished rows, in order."""
    steps = Steps(begun)
    for time, rows in finished:
        steps.add(time, rows)
    return steps.pace(now)
