"""How a run ends when its scheduler disappears."""

from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager

from distributed import Client
from distributed.comm import CommClosedError

from survey_batch.core.errors import SurveyBatchError


class LostSchedulerError(SurveyBatchError):
    """The connection to the Dask scheduler broke; everything committed stays."""

    def __init__(self, client: Client) -> None:
        address = client.scheduler.address if client.scheduler else "?"
        super().__init__(
            f"lost the Dask scheduler at {address}. Finished shards are kept: run the same command again to continue."
        )


@contextmanager
def scheduler_watched(client: Client) -> Iterator[None]:
    """Turn the errors that Dask raises when the scheduler disappears into a `LostSchedulerError`."""
    try:
        yield
    except (CancelledError, OSError, RuntimeError) as error:
        if isinstance(error, CancelledError | CommClosedError) or client.status != "running":
            raise LostSchedulerError(client) from error
        raise
