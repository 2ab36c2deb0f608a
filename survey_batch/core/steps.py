"""What the program is doing now, for whoever watches: the command line shows it, a run's log keeps it.

A notebook sees nothing of it unless it asks: `logging.getLogger("survey_batch.core.steps")`.
"""

import logging

log = logging.getLogger(__name__)


def step(text: str) -> None:
    """Say what begins now, such as "reading the catalogue stars.csv"."""
    log.info("%s", text, extra={"event": "step"})


def detail(text: str) -> None:
    """Say how far the step is; only the newest such text counts."""
    log.debug("%s", text, extra={"event": "detail"})
