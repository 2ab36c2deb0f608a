"""A reader to be fuzzed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

from tests.torture.mutations import Mutation


@dataclass(frozen=True)
class Target:
    """A reader to be fuzzed.

    Attributes
    ----------
    name
    seeds
        Gives whole files.
    mutate
        Changes one.
    read
        Reads the file at a path, and uses what it read as the product does.
    file
        Name of the file.
    names
        What an error must name, if it is not the file.
    weight
        Share of all inputs: cheap readers get more.
    """

    name: str
    seeds: Callable[[], Iterable[bytes]]
    mutate: Mutation
    read: Callable[[Path], Any]
    file: str = "input"
    names: str = ""
    weight: float = 1.0

    @cached_property
    def whole(self) -> tuple[bytes, ...]:
        """The files to start from."""
        return tuple(self.seeds())

    def input(self, seed: int) -> bytes:
        """Return the input of a number; every input can be made again from it."""
        random = Random(seed)
        return self.mutate(random.choice(self.whole), random)
