"""A row of the table: what is measured against what, and the rounds in which its sides take turns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from statistics import median
from typing import Literal

from benchmarks.timing import Spent, Work, spent

Clock = Literal["cpu", "wall"]


class UnmeasuredError(Exception):
    """A row cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Side:
    """One way to do the work of a row.

    Attributes
    ----------
    what : str
        What is done, or whose work it is.
    ready : callable
        Makes everything that comes before the work, and returns the work in parts; called anew for each round.
    count : int, optional
        How many things one round makes, if other than the row's.
    missing : str
        Why it cannot be measured here; "" if it can.
    compared : bool
        Whether its time is told in ours: False for what is only measured beside.
    """

    what: str
    ready: Callable[[], Sequence[Work]]
    count: int | None = None
    missing: str = ""
    compared: bool = True


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes
    ----------
    each : str
        What is counted: the times of the table are for one of them.
    count : int
        How many of them one round of ours makes.
    ours : Side
        This package.
    floor : Side, optional
        What no implementation can leave out.
    peers : sequence of Side
        Other ways, for comparison.
    aim : float, optional
        Share of the floor's speed to reach.
    clock : {"cpu", "wall"}
        Which seconds count.
    warm : bool
        Whether a first, unmeasured part of each side pays for imports and caches.
    close : callable
        Ends what was started for the row.
    notes : callable
        Says after the last round what the figures do not: above all whether both sides made the same.
    """

    each: str
    count: int
    ours: Side
    floor: Side | None = None
    peers: Sequence[Side] = ()
    aim: float | None = None
    clock: Clock = "cpu"
    warm: bool = True
    close: Callable[[], object] = lambda: None
    notes: Callable[["Result"], list[str]] = field(default=lambda _: [])

    def sides(self) -> dict[str, Side]:
        """All sides that can be measured, by the names under which they are stored."""
        named = {"floor": self.floor, "ours": self.ours, **{peer.what: peer for peer in self.peers}}
        return {name: side for name, side in named.items() if side and not side.missing}


@dataclass(frozen=True)
class Result:
    """What each side of a row took in each round."""

    row: Row
    taken: dict[str, list[Spent]]

    @cached_property
    def notes(self) -> list[str]:
        """What the row says after the last round."""
        return self.row.notes(self)

    def rounds(self, name: str = "ours", clock: Clock | None = None) -> list[float]:
        """Seconds that a side took for one thing, round by round."""
        count = self.row.sides()[name].count or self.row.count
        return [getattr(one, clock or self.row.clock) / count for one in self.taken[name]]

    def each(self, name: str = "ours", clock: Clock | None = None) -> float:
        """Median seconds that a side took for one thing."""
        return median(self.rounds(name, clock))

    def ratios(self, name: str = "floor") -> list[float]:
        """Our speed by that of another side, round by round; empty where that side was not measured."""
        if name not in self.taken:
            return []
        return [other / ours for other, ours in zip(self.rounds(name), self.rounds(), strict=True)]


def measure(row: Row, rounds: int) -> Result:
    """Run the parts of all sides in turns, as the speed of a shared core changes from second to second."""
    try:
        return Result(row, _in_turns(row, rounds))
    finally:
        row.close()


def _in_turns(row: Row, rounds: int) -> dict[str, list[Spent]]:
    sides = row.sides()
    if row.warm:
        for side in sides.values():
            side.ready()[0]()
    taken: dict[str, list[Spent]] = {name: [] for name in sides}
    for number in range(rounds):
        parts = {name: side.ready() for name, side in sides.items()}
        order = list(parts) if number % 2 == 0 else list(reversed(parts))
        whole = dict.fromkeys(sides, Spent())
        for turn in zip_longest(*(parts[name] for name in order)):
            for name, work in zip(order, turn, strict=True):
                whole[name] += spent(work) if work else Spent()
        for name, total in whole.items():
            taken[name].append(total)
    return taken
