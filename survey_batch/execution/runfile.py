"""`run.json`: the job, the counts of its catalogue, and how each run went and ended."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from survey_batch.core.paths import join, read_json, write_json
from survey_batch.core.versions import versions
from survey_batch.planning.plan import Plan


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
    this = {
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 3),
        "log": log_path,
        "stages": stages,
        "ended": ended,
        **({"error": error} if error else {}),
    }
    path = join(plan.job.output, "run.json")
    write_json(
        path,
        {
            "job": plan.job.model_dump(mode="json"),
            "versions": versions(),
            "objects": plan.size("object"),
            "notes": list(plan.notes),
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
        return list(read_json(path)["runs"])
    except FileNotFoundError:
        return []
