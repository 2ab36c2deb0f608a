"""What the program is doing, shown on standard error: one line that changes on a terminal, plain lines elsewhere."""

import logging
import time
from typing import TYPE_CHECKING

from rich.console import Console

from survey_batch.core import steps
from survey_batch.core.redaction import redacted

if TYPE_CHECKING:
    from rich.status import Status

DETAIL_SECONDS = 10.0
"""Time between two lines about the same step, where lines stay."""


class StepDisplay(logging.Handler):
    """Shows the steps that `core.steps` reports.

    Parameters
    ----------
    console
        Where to show them.
    lines
        Whether to print a line for each step where the console is no terminal.
    """

    def __init__(self, console: Console, *, lines: bool) -> None:
        super().__init__()
        self.console, self.lines, self.interactive = console, lines, console.is_interactive
        self.spinner: Status | None = None
        self.last = time.monotonic()

    def __enter__(self) -> "StepDisplay":
        steps.log.addHandler(self)
        steps.log.setLevel(logging.DEBUG)
        return self

    def __exit__(self, *_: object) -> None:
        steps.log.removeHandler(self)
        self.clear()

    def emit(self, record: logging.LogRecord) -> None:
        """Show one step, or how far it is."""
        text = redacted(record.getMessage())
        if self.interactive:
            self._spin(text)
        elif self.lines and (record.levelno >= logging.INFO or time.monotonic() - self.last > DETAIL_SECONDS):
            self.last = time.monotonic()
            self.console.print(text, soft_wrap=True)

    def clear(self) -> None:
        """Take the line away; the next step shows another."""
        if self.spinner is not None:
            self.spinner.stop()
            self.spinner = None

    def _spin(self, text: str) -> None:
        if self.spinner is None:
            self.spinner = self.console.status(text)
            self.spinner.start()
        else:
            self.spinner.update(text)
