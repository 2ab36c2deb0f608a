"""Counts of requests, bytes and time of downloads, for progress and reports."""

import threading
from typing import NamedTuple


class Traffic(NamedTuple):
    """Cost of downloads."""

    requests: int = 0
    """Attempts made, including reads from a folder."""
    retries: int = 0
    """Attempts after the first for a file."""
    bytes: int = 0
    """Bytes of accepted files, or of their parts that were asked for, without those from the cache."""
    cache_hits: int = 0
    seconds: float = 0.0
    """Time inside requests, summed over threads; waiting for a turn is not counted."""


class TrafficCounter:
    """A `Traffic` that several threads add to.

    Parameters
    ----------
    whole
        Another counter to which everything is added as well.
    """

    def __init__(self, whole: "TrafficCounter | None" = None) -> None:
        self._lock = threading.Lock()
        self._counts = Traffic()._asdict()
        self._whole = whole

    def add(self, **amounts: float) -> None:
        """Add to the named counts."""
        with self._lock:
            for name, amount in amounts.items():
                self._counts[name] += amount
        if self._whole is not None:
            self._whole.add(**amounts)

    @property
    def total(self) -> Traffic:
        """The counts so far."""
        with self._lock:
            return Traffic(**self._counts)

    def take(self) -> Traffic:
        """Return the counts since the last call, and start again from zero."""
        with self._lock:
            total, self._counts = Traffic(**self._counts), Traffic()._asdict()
        return total


OF_THIS_PROCESS = TrafficCounter()
"""Total of all archives in this process; the dashboard shows it for all workers."""
