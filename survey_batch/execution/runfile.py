"""`run.json`: the job, the counts of its catalogue, and how each run went and ended."""

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from survey_batch.core.paths import join, write_json
from survey_batch.core.redaction import redacted, redacted_values
from survey_batch.core.versions import versions
from survey_batch.planning.plan import Plan
from survey_batch.store.problems import ALL
from survey_batch.store.small_files import DamagedFileError, read_run_file, read_table

log = logging.getLogger(__name__)


class RunRecord(TypedDict):
    """One run in `run.json`."""

    started: str
    """When it began, in UTC."""
    seconds: float
    """How long it took."""
    log: str
    """Path or URL of its log."""
    stages: Mapping[str, Any]
    """For each stage, by its name, what the run did: as with `run`."""
    ended: str
    """`complete`, `incomplete` (another run would retry some rows) or `error`."""
    error: NotRequired[str]
    """The message of the error with which it ended."""


def write_run(
    plan: Plan,
    counts: Mapping[str, int],
    stages: Mapping[str, Any],
    started: float,
    log_path: str,
    ended: str,
    error: str = "",
) -> None:
    """Add one run to the earlier ones.

    Parameters
    ----------
    plan : Plan
    counts : dict
        Number of objects per final status.
    stages : dict
        What was done in each stage, and its counts.
    started : float
        Seconds since 1970.
    log_path : str
    ended : str
        `complete`, `incomplete` (another run would retry some rows) or `error`.
    error : str
        The error's message.
    """
    this = RunRecord(
        started=datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        seconds=round(time.time() - started, 3),
        log=log_path,
        stages=stages,
        ended=ended,
    )
    if error:
        this["error"] = redacted(error)
    path = join(plan.job.output, "run.json")
    write_json(
        path,
        {
            "job": redacted_values(plan.job.model_dump(mode="json")),
            "versions": versions(),
            "objects": plan.size("object"),
            "notes": redacted_values(plan.notes),
            "counts": counts,
            "runs": [*_earlier_runs(path), this],
        },
    )


def last_counts(output: str) -> dict[str, dict[str, int]]:
    """Return the rows per status that each product had when a run last accounted for it."""
    runs = _earlier_runs(join(output, "run.json"))
    return {name: stage.get("counts", {}) for run in runs for name, stage in run.get("stages", {}).items()}


def _earlier_runs(path: str) -> list[Mapping[str, Any]]:
    try:
        return list(read_run_file(path).get("runs", ()))
    except FileNotFoundError:
        return []
    except DamagedFileError as error:
        log.warning("%s; what it said of earlier runs is in the folder log", error)
        return []


def damaged_accounts(output: str) -> list[str]:
    """List the files about the runs of an output, `run.json` and `problems.parquet`, that cannot be read."""
    return [error.path for error in _errors(output)]


def _errors(output: str) -> Iterator[DamagedFileError]:
    for name, read in (("run.json", read_run_file), (ALL, read_table)):
        try:
            read(join(output, name))
        except FileNotFoundError:
            continue
        except DamagedFileError as error:
            yield error
