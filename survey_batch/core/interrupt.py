"""Ctrl-C, and SLURM's SIGTERM: swallowed by no library, and never in the middle of what must be done whole.

Python raises `KeyboardInterrupt` wherever it is; inside a destructor or a callback of the garbage collector (TensorFlow
and JAX have one) it is printed and forgotten. What runs long asks `check` now and then.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

SAME_SECONDS = 1.0
"""Within this time a further signal is the same interruption: SLURM sends one to a batch script, which hands it on, and
to all that runs in it."""

_asked: list[float] = []


def listen() -> None:
    """Take both signals for an interruption, and forget earlier ones; for the main thread of a command that starts."""
    _asked.clear()
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def check() -> None:
    """Raise `KeyboardInterrupt` if an interruption was asked for and swallowed."""
    if _asked:
        raise KeyboardInterrupt


def ignore() -> None:
    """See no further interruption; for a command that is ending because of one, whose exit code it would change."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    now = time.monotonic()
    if _asked and now - _asked[-1] < SAME_SECONDS:
        return  # it would hit what ends the run after the first one
    _asked.append(now)
    raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Do what must be done whole: an interruption takes effect at the end of the block."""
    if threading.current_thread() is not threading.main_thread():  # Python interrupts no other
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


@contextmanager
def kept_from_children() -> Iterator[None]:
    """Start threads and processes that never see Ctrl-C; this thread sees it at the end of the block.

    A terminal interrupts the workers too, which would die with a traceback before the client can end them.
    """
    resource_tracker.ensure_running()  # started later, it would end the block for the threads of the cluster
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
