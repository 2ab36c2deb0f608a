"""Tracebacks that are short enough to be sent from a worker to the client."""

from contextlib import ContextDecorator
from types import TracebackType
from typing import Self

OUTER, INNER = 15, 35
"""Frames that a long traceback keeps: where the call came from, and where the error was raised."""


class short_tracebacks(ContextDecorator):  # noqa: N801 - reads as what it does
    """Leave out the middle of long tracebacks of errors from a `with` block, or from a function that it decorates.

    Dask sends an error with its traceback. It fails on one of some 400 frames, such as a function leaves that calls
    itself without end: the client then never learns that the task has ended, and a run would wait for it for ever.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Shorten the tracebacks of an error, and of all that it came from."""
        waiting, seen = [error], set[int]()
        while waiting:
            one = waiting.pop()
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                _shorten(one.__traceback__)
                waiting += [one.__cause__, one.__context__]


def _shorten(trace: TracebackType | None) -> None:
    frames: list[TracebackType] = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    if len(frames) > OUTER + INNER:
        frames[OUTER - 1].tb_next = frames[-INNER]
