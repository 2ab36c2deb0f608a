"""The command line in a pseudo-terminal, with keys pressed at its questions."""

import os
import pty
import re
import select
import subprocess
import sys
import time

from tests.patience import PATIENCE

CTRL_C = b"\x03"
AGAIN = 5.0
"""Seconds after which Ctrl-C is pressed again."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


def in_terminal(words, folder, keys=(), **environment):
    """Run a command; press the next key when a question ends with a colon. Return code, and what was on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "survey_batch", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env={**_plain(), "TERM": "xterm-256color", "COLUMNS": "100", **environment},
        preexec_fn=own_terminal,
    )
    os.close(theirs)
    shown, keys, deadline = b"", list(keys), time.monotonic() + PATIENCE
    asked_at, pressed, pressed_at = 0, b"", 0.0
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux says so when the other end is closed
                break
            if not piece:
                break
            shown += piece
        if keys and shown.endswith(b"]: ") and len(shown) > asked_at:
            asked_at, pressed, pressed_at = len(shown), keys.pop(0), time.monotonic()
            os.write(ours, pressed)
        # Python misses a signal that comes just before it waits for a line: a person presses Ctrl-C again.
        if pressed == CTRL_C and time.monotonic() > pressed_at + AGAIN:
            pressed_at = time.monotonic()
            os.write(ours, pressed)
    os.close(ours)
    return process.wait(), shown.decode(), CONTROL.sub("", shown.decode())


def own_terminal():
    """Make the pseudo-terminal the one whose Ctrl-C reaches the process."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _plain():
    dropped = ("NO_COLOR", "FORCE_COLOR", "TTY_INTERACTIVE", "TTY_COMPATIBLE", "CI", "GITHUB_ACTIONS")
    return {name: value for name, value in os.environ.items() if name not in dropped}
