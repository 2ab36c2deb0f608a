"""Ctrl-C, and SLURM's SIGTERM, that no library swallows.

Python raises `KeyboardInterrupt` wherever it is; inside a destructor or a callback of the garbage collector (TensorFlow
and JAX have one) it is printed and forgotten. What runs long asks `check` now and then.
"""

import signal
from types import FrameType

_asked: list[int] = []


def listen() -> None:
    """Take both signals for an interruption; for the main thread of a command."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)


def check() -> None:
    """Raise `KeyboardInterrupt` if an interruption was asked for and swallowed."""
    if _asked:
        raise KeyboardInterrupt


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    _asked.append(number)
    raise KeyboardInterrupt
