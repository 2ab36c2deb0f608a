"""What a finished shard tells the client."""

from collections.abc import Mapping
from dataclasses import dataclass

from survey_batch.store.problems import Reason
from survey_batch.store.products import Shard


@dataclass(frozen=True)
class Record:
    """What a finished shard tells the client: a few numbers, never arrays."""

    stage: str
    shard: Shard
    counts: Mapping[str, int]
    rows_done: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    nbytes: int = 0
    reasons: tuple[Reason, ...] = ()
    """Why rows that were done in this run are not `ok`: the commonest."""
