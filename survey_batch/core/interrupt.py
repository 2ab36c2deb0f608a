"""Ctrl-C and SLURM's SIGTERM: no library can swallow them, and they never interrupt an operation that must complete.

Python raises `KeyboardInterrupt` at any point. Inside a destructor or a callback of the garbage collector (Dask,
TensorFlow and JAX have one) it is lost. So long-running code calls `check` now and then.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)

EXIT_CODE = 130
"""Exit code of a command that one of them ended."""

SAME_SECONDS = 1.0
"""A second signal within this time counts as the same interruption: SLURM signals a batch script, which passes the
signal on, and also every process in it."""

_asked: list[float] = []


def listen() -> None:
    """Handle both signals and forget earlier ones; for the main thread when a command starts."""
    _asked.clear()
    sys.unraisablehook = _unraisable
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def end_at_once() -> None:
    """End the process at either signal, silently; for the time before `listen`, when nothing has begun yet."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: os._exit(EXIT_CODE))


def check() -> None:
    """Raise `KeyboardInterrupt` if an interruption was requested but swallowed."""
    if _asked:
        raise KeyboardInterrupt


def ignore() -> None:
    """Ignore further signals; for a command that ends because of one, since another would change its exit code."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    now = time.monotonic()
    if _asked and now - _asked[-1] < SAME_SECONDS:
        return  # it would interrupt the shutdown that the first signal started
    _asked.append(now)
    raise KeyboardInterrupt


def _unraisable(lost: "sys.UnraisableHookArgs") -> None:
    """Print what a destructor could not raise, but not an interruption: `check` raises that one."""
    if not (_asked and lost.exc_type is KeyboardInterrupt):
        sys.__unraisablehook__(lost)


@contextmanager
def held() -> Iterator[None]:
    """Delay any interruption to the end of the `with` block."""
    if threading.current_thread() is not threading.main_thread():  # Python interrupts only the main thread
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
    """Start threads and processes that never see Ctrl-C; this thread sees it at the end of the `with` block.

    A terminal would also interrupt the workers, which would die with a traceback before the client can end them.
    """
    from multiprocessing import resource_tracker  # the command line starts sooner without it

    resource_tracker.ensure_running()  # if started later, it would unblock signals for the cluster's threads
    with held():  # a thread from before, such as that of a progress bar, can still be handed the signal
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
