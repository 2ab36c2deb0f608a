"""Counts of what became of many files, and the table that shows them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.torture.law import Verdict

SHOWN = 3
"""Inputs that are kept and named for each way in which the law was broken."""


@dataclass
class Tally:
    """What became of one target's inputs.

    Attributes
    ----------
    kinds
        Number of inputs by verdict.
    foreign
        Number of refusals by the type of another library's error behind them.
    slowest
        Most processor time that an input took [s].
    seconds
        Wall time of all, with the making of the inputs.
    broken
        Way in which the law was broken: the numbers of the first inputs that did so, and what was said.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0
    broken: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def add(self, name: str, verdict: Verdict) -> bool:
        """Count an input; tell whether it is worth keeping, because it breaks the law in a way not seen often."""
        self.kinds[verdict.kind] += 1
        self.slowest = max(self.slowest, verdict.seconds)
        if verdict.foreign:
            self.foreign[verdict.foreign] += 1
        if verdict.kind != "broken":
            return False
        alike = self.broken.setdefault(verdict.said[-80:] if "\n" in verdict.said else verdict.said[:50], [])
        if len(alike) < SHOWN:
            alike.append((name, verdict.said))
        return len(alike) < SHOWN

    def merge(self, other: "Tally") -> None:
        """Add the counts of further inputs."""
        self.kinds += other.kinds
        self.foreign += other.foreign
        self.slowest, self.seconds = max(self.slowest, other.slowest), self.seconds + other.seconds
        for way, inputs in other.broken.items():
            self.broken[way] = (self.broken.get(way, []) + inputs)[:SHOWN]

    @property
    def inputs(self) -> int:
        """Number of all inputs."""
        return sum(self.kinds.values())


COLUMNS = ("target", "inputs", "read", "refused", "by a library", "broken", "slowest", "per second")


def table(tallies: Iterable[tuple[str, Tally]]) -> str:
    """Show the counts, a line for each target and one for all."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    whole = Tally()
    named = list(tallies)
    for _, tally in named:
        whole.merge(tally)
    for name, tally in (*named, ("all", whole)):
        kinds, foreign = tally.kinds, sum(tally.foreign.values())
        counts = (tally.inputs, kinds["read"], kinds["refused"], foreign, kinds["broken"])
        rate = f"{tally.inputs / tally.seconds:,.0f}" if tally.seconds else "-"
        rows.append((name, *(f"{count:,}" for count in counts), f"{tally.slowest:.2f} s", rate))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(f"{cell:{'<' if not place else '>'}{widths[place]}}" for place, cell in enumerate(row))
        for row in rows
    ]
    lines.insert(1, "-" * len(lines[0]))
    for name, tally in named:
        lines += [
            f"BROKEN {name}, input {', '.join(number for number, _ in inputs)}: {inputs[0][1]}"
            for inputs in tally.broken.values()
        ]
    return "\n".join(lines)
