"""How fast a stage works just now, and whether it stands still; from when its shards finished."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from survey_batch.core import wording

RATE_SECONDS = 60.0
"""Over which a rate is taken, at least."""
GAPS = 2.0
"""A rate is taken over this many of the longest waits between shards, where these take longer than a minute."""
PATIENCE = 3.0
"""Times the longest wait so far after which a stage without a finished shard stands still."""
TOGETHER = 1.0
"""Shards that finish within this many seconds count as one step."""
STEPS = 200
"""Steps that are remembered."""


@dataclass(frozen=True)
class Pace:
    """What can be said of a stage at one time.

    Attributes
    ----------
    rate : float
        Rows per second of the last minute; of longer where shards take longer than that.
    idle : float
        Seconds since a shard finished, or since the stage began.
    stalled : bool
        Whether that is so long that no time left can be told.
    """

    rate: float = 0.0
    idle: float = 0.0
    stalled: bool = False

    def seconds_left(self, rows: int) -> float | None:
        """Time left for some rows; None where it cannot be told."""
        if not rows:
            return 0.0
        return rows / self.rate if self.rate and not self.stalled else None

    def left(self, rows: int) -> str:
        """Time left for some rows in words, or what is known instead."""
        seconds = self.seconds_left(rows)
        if self.stalled:
            return f"last shard finished {wording.duration(self.idle)} ago"
        return "?" if seconds is None else wording.duration(seconds) if seconds else ""


class Steps:
    """Remembers when rows were finished, in seconds of any clock."""

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
        """Say what is known at a time."""
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
    """Pace of a stage that began at one time and finished rows at others, in their order."""
    steps = Steps(begun)
    for time, rows in finished:
        steps.add(time, rows)
    return steps.pace(now)
