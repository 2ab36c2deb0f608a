"""How far one stage of a job is."""

from collections.abc import Mapping
from dataclasses import dataclass

from survey_batch.core.display import in_words
from survey_batch.core.pace import Pace


@dataclass(frozen=True)
class StageStatus:
    """How far one stage is.

    Attributes
    ----------
    name : str
        Name of the stage.
    axis : str
        What its rows are: "object" or "frame".
    rows : int
        All rows of the product.
    counts : dict
        Rows by status; of each frame and band for `frames`.
    pending : int
        Rows not done yet.
    retryable : int
        Rows that are done, and that another run would try again.
    shards : int
        Shards in all.
    shards_done : int
        Shards without pending rows.
    created : bool
        Whether the product is there.
    deleted : bool
        Whether it was there, and was deleted by hand.
    rate : float or None
        Rows per second: over about the last minute during a run, else the mean of the last run that worked on it.
    pace : Pace or None
        Set only for a stage on which a run is working now.
    """

    name: str
    axis: str
    rows: int
    counts: Mapping[str, int]
    pending: int
    retryable: int
    shards: int
    shards_done: int
    created: bool = True
    deleted: bool = False
    rate: float | None = None
    pace: Pace | None = None

    @property
    def seconds_left(self) -> float | None:
        """Time for the pending rows at the last rate; None if no rate is known, or the stage stands still."""
        return self._pace.seconds_left(self.pending)

    @property
    def said(self) -> str:
        """The counts by status in words."""
        if self.deleted:
            return "deleted; the next run makes it again"
        return in_words(self.counts) if self.created else "not started"

    @property
    def left(self) -> str:
        """The same in words, or how long nothing has happened; empty if nothing is left."""
        return self._pace.left(self.pending) if self.pending else ""

    @property
    def _pace(self) -> Pace:
        return self.pace or Pace(self.rate or 0.0)
