"""The record of a finished shard for the client."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from survey_batch.store.problems import Reason
from survey_batch.store.schema import Shard


@dataclass(frozen=True)
class Record:
    """A finished shard's report to the client: a few numbers, never arrays."""

    stage: str
    shard: Shard
    counts: Mapping[str, int]
    rows_done: int = 0
    made: Mapping[str, int] = field(default_factory=dict)
    """The statuses of the rows done in this run; `counts` has those of the whole shard."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    nbytes: int = 0
    reasons: tuple[Reason, ...] = ()
    """The commonest reasons why rows done in this run are not `ok`."""
    tracebacks: tuple[str, ...] = ()
    """Where a reader failed."""
    node: str = ""
    """Where the shard was done."""
    landmark: str = ""
    """A file of the archive that was read there from a folder."""
    again: bool = False
    """Whether the shard is taken back, to be done again: its counts and reasons are negative."""
    mark: bytes = b""
    """The file of the shard's statuses, a hundred bytes, if the output is in an object store: `store/marks.py`."""

    @classmethod
    def taken_back(cls, stage: str, shard: Shard, counts: Mapping[str, int], reasons: Iterable[Reason]) -> "Record":
        """Take back what was reported of a shard: its counts, and the reasons that are noted for it."""
        back = {status: -count for status, count in counts.items()}
        return cls(stage, shard, back, reasons=tuple((status, why, -rows) for status, why, rows in reasons), again=True)

    def plain(self) -> dict[str, Any]:
        """Everything but tracebacks and mark as plain values, for the log."""
        return {
            **{name: value for name, value in vars(self).items() if name not in ("tracebacks", "mark")},
            "shard": self.shard.index,
            "axis": self.shard.axis,
            "counts": dict(self.counts),
        }
