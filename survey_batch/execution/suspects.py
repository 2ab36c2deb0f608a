"""Shards that one more death of a worker would set aside."""

from collections import deque

from survey_batch.execution.chain import Chain
from survey_batch.execution.failures import Failures


class Suspects:
    """Shards that come last, one for each worker.

    When a worker dies, all its shards are blamed, and the shard that killed it will kill the next worker. On SLURM it
    becomes known a while later of what a worker died. A shard that may have used up its tries waits for that: one that
    takes longer than the walltime would else cost a whole walltime more.

    Parameters
    ----------
    failures : Failures
        Those of the shards.
    """

    def __init__(self, failures: Failures) -> None:
        self.failures = failures
        self.waiting: deque[Chain] = deque()

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, chain: Chain) -> None:
        """Add a shard."""
        self.waiting.append(chain)

    def take(self, workers: int) -> list[Chain]:
        """Take out shards, at most one for each worker and none of which it is not known why its last worker died."""
        taken: list[Chain] = []
        for _ in range(len(self.waiting)):
            chain = self.waiting.popleft()
            in_doubt = len(taken) >= max(workers, 1) or self.failures.in_doubt(chain.shard, chain.stages)
            (self.waiting if in_doubt else taken).append(chain)
        return taken
