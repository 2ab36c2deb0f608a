"""What the client knows of an output's statuses, written now and then for whoever reads them next."""

import logging
import time
from collections.abc import Callable, Collection

from survey_batch.core.paths import is_url
from survey_batch.store.marks import PROGRESS, etag_of, known_marks, marks_there, store_marks

log = logging.getLogger(__name__)

SECONDS = 60.0
"""Minimum time between two checkpoints."""

PAUSE = 20.0
"""Minimum time between two checkpoints, as a multiple of what the last one took: the file grows, and the run waits."""


class Checkpoint:
    """Keeps `progress.parquet` up to date while a run holds the output; does nothing for a folder.

    Parameters
    ----------
    output
        Folder or URL of the products.
    now
        The clock.
    """

    def __init__(self, output: str, now: Callable[[], float] = time.monotonic) -> None:
        self.output, self.now = output, now
        self.used = is_url(output)
        self.due = now() + SECONDS
        self.stored = len(known_marks(output)) if self.used else 0  # marks in the file

    def note(self, mark: bytes) -> None:
        """Take the statuses of a shard that was done just now, and write if it is time."""
        if not self.used or not mark:
            return
        known_marks(self.output)[etag_of(mark)] = mark
        if self.now() >= self.due:
            self._write()

    def end(self) -> None:
        """Write the marks that the products have now, if there are any that the file lacks."""
        if self.used and len(known_marks(self.output)) != self.stored:
            self._write(marks_there(self.output))

    def _write(self, etags: Collection[str] | None = None) -> None:
        begun = self.now()
        try:
            self.stored = store_marks(self.output, etags)
        except Exception as error:  # noqa: BLE001 - each store has errors of its own, and the file only saves time
            log.warning("%s could not be written: %s", PROGRESS, error)
        ended = self.now()
        self.due = ended + max(SECONDS, PAUSE * (ended - begun))
