"""What an output's `run.json` and logs say of its runs: how long, how fast, by whom right now."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fsspec.core import url_to_fs

from survey_batch.lock import is_dead
from survey_batch.paths import join, read_json

TAIL_BYTES = 2_000_000
"""What is read of a log's end: some thousand shards, enough for a rate."""
HEAD_BYTES = 100_000
"""What is read of a log's beginning, where it says which job was started."""


@dataclass(frozen=True)
class Rate:
    """How fast one stage worked in its last run.

    Attributes
    ----------
    rows : int
        Rows worked on.
    wall_seconds, cpu_seconds : float
    nbytes : int
        Uncompressed bytes written.
    """

    rows: int
    wall_seconds: float
    cpu_seconds: float = 0.0
    nbytes: int = 0

    @property
    def rows_per_second(self) -> float | None:
        """None where nothing was done."""
        return self.rows / self.wall_seconds if self.rows and self.wall_seconds > 0 else None


@dataclass(frozen=True)
class Log:
    """A run's log: its first and last lines, which are all lines of a short one."""

    name: str
    events: tuple[Mapping[str, Any], ...]

    @property
    def job(self) -> Mapping[str, Any] | None:
        """The job that was started."""
        return next((event["job"] for event in self.events if event.get("event") == "started"), None)

    @property
    def shards(self) -> list[Mapping[str, Any]]:
        """The lines about finished shards."""
        return [event for event in self.events if event.get("event") == "shard"]


def read_run_file(output: str) -> dict[str, Any]:
    """Read `run.json`; empty where no run has ended yet."""
    return _read_small(join(output, "run.json"))


def read_holder(output: str) -> dict[str, Any]:
    """Read who holds the output's lock; empty where no run is under way, as far as this machine can know."""
    holder = _read_small(join(output, "lock.json"))
    return {} if holder and is_dead(holder) else holder


def read_newest_log(output: str) -> Log | None:
    """Read the ends of the newest log that tells of any work, or None."""
    filesystem, folder = url_to_fs(join(output, "log"))
    filesystem.invalidate_cache()
    paths = sorted(filesystem.glob(f"{folder}/*.jsonl"), reverse=True) if filesystem.exists(folder) else []
    logs = (Log(path.rsplit("/", 1)[-1], tuple(_events(_ends(filesystem, path)))) for path in paths)
    return next((log for log in logs if log.job or log.shards), None)


def rates(runs: Iterable[Mapping[str, Any]], log: Log | None, now: datetime | None) -> dict[str, Rate]:
    """Find each stage's last rate.

    Parameters
    ----------
    runs
        `run.json`'s, oldest first.
    log
        The newest one; what it tells of a stage counts more than the accounts of earlier runs.
    now : datetime, optional
        While a run is under way: the time to which the stage it works on is counted, so that a stalled run slows down.
    """
    found: dict[str, Rate] = {}
    for run in runs:
        for stage, timing in run["stages"].items():
            if timing.get("rows_done") and timing.get("wall_seconds"):
                found[stage] = _rate_of(timing)
    return {**found, **(_rates_in(log, now) if log else {})}


def totals(runs: Iterable[Mapping[str, Any]]) -> dict[str, Rate]:
    """Sum each stage's work over all runs that ended."""
    found: dict[str, Rate] = {}
    for run in runs:
        for stage, timing in run["stages"].items():
            if timing.get("rows_done"):
                before, this = found.get(stage, Rate(0, 0)), _rate_of(timing)
                found[stage] = Rate(
                    before.rows + this.rows,
                    before.wall_seconds + this.wall_seconds,
                    before.cpu_seconds + this.cpu_seconds,
                    before.nbytes + this.nbytes,
                )
    return found


def _rate_of(timing: Mapping[str, Any]) -> Rate:
    return Rate(
        int(timing["rows_done"]),
        float(timing.get("wall_seconds", 0)),
        float(timing.get("cpu_seconds", 0)),
        int(timing.get("nbytes", 0)),
    )


def _rates_in(log: Log, now: datetime | None) -> dict[str, Rate]:
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for event in log.shards:
        if event["record"]["rows_done"]:
            by_stage.setdefault(event["record"]["stage"], []).append(event)
    last = log.shards[-1]["record"]["stage"] if log.shards else ""
    return {stage: _rate_in(events, now if stage == last else None) for stage, events in by_stage.items()}


def _rate_in(events: list[Mapping[str, Any]], now: datetime | None) -> Rate:
    """From the beginning of the first shard to the end of the last, or to now."""
    records = [event["record"] for event in events]
    ends = [datetime.fromisoformat(event["time"]).timestamp() for event in events]
    begin = min(end - record["seconds"] for end, record in zip(ends, records, strict=True))
    return Rate(
        sum(record["rows_done"] for record in records),
        (now.timestamp() if now else max(ends)) - begin,
        sum(record["cpu_seconds"] for record in records),
        sum(record["nbytes"] for record in records),
    )


def _ends(filesystem: Any, path: str) -> list[bytes]:
    """Lines of a log's beginning and end; a line cut in two is left out."""
    size = filesystem.info(path)["size"]
    if size <= HEAD_BYTES + TAIL_BYTES:
        return list(filesystem.cat_file(path).splitlines())
    head = filesystem.cat_file(path, start=0, end=HEAD_BYTES).splitlines()[:-1]
    tail = filesystem.cat_file(path, start=size - TAIL_BYTES, end=size).splitlines()[1:]
    return [*head, *tail]


def _events(lines: Iterable[bytes]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the line that is being written


def _read_small(path: str) -> dict[str, Any]:
    try:
        return dict(read_json(path))
    except (FileNotFoundError, ValueError):
        return {}


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)
