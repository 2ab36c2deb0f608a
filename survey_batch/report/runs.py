"""What an output's `run.json` and logs say about its runs: how long, how fast, and who runs now."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fsspec.core import url_to_fs

from survey_batch.core.pace import Pace, pace_of
from survey_batch.core.paths import files_in, join
from survey_batch.store.holder import is_dead
from survey_batch.store.lock import holder_of
from survey_batch.store.small_files import DamagedFileError
from survey_batch.store.small_files import read_run_file as read_whole

log = logging.getLogger(__name__)

TAIL_BYTES = 2_000_000
"""Bytes read from the end of a log: some thousand shards, enough for a rate."""
HEAD_BYTES = 100_000
"""Bytes read from the beginning of a log, which says which job was started."""


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
    """A run's log: its first and last lines, which are all lines of a short log."""

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
    try:
        return read_whole(join(output, "run.json"))
    except FileNotFoundError:
        return {}
    except DamagedFileError as error:
        log.warning("%s", error)
        return {}


def read_holder(output: str) -> dict[str, Any]:
    """Read who holds the output's lock; empty if no run is under way, as far as this machine can know."""
    holder = holder_of(output)
    return {} if holder is None or is_dead(holder) else dict(holder)


def read_newest_log(output: str) -> Log | None:
    """Read both ends of the newest log that records any work, or return None."""
    folder = join(output, "log")
    filesystem, _ = url_to_fs(folder)
    paths = reversed(files_in(folder, ".jsonl"))
    logs = (Log(path.rsplit("/", 1)[-1], tuple(_events(_ends(filesystem, path)))) for path in paths)
    return next((log for log in logs if log.job or log.shards), None)


def rates(runs: Iterable[Mapping[str, Any]], log: Log | None) -> dict[str, Rate]:
    """Find each stage's mean rate in the last run that worked on it.

    Parameters
    ----------
    runs
        `run.json`'s, oldest first.
    log
        The newest one; for a stage that it covers, it overrides the accounts of earlier runs.
    """
    found: dict[str, Rate] = {}
    for run in runs:
        for stage, timing in run["stages"].items():
            if timing.get("rows_done") and timing.get("wall_seconds"):
                found[stage] = _rate_of(timing)
    return {**found, **{stage: _rate_of_shards(events) for stage, events in _by_stage(log).items()}}


def paces(log: Log | None, now: datetime) -> dict[str, Pace]:
    """Find how fast each stage of the current run works now."""
    found = {}
    for stage, events in _by_stage(log).items():
        finished = sorted((_end(event), int(event["record"]["rows_done"])) for event in events)
        found[stage] = pace_of(min(_begin(event) for event in events), finished, now.timestamp())
    return found


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


def _by_stage(log: Log | None) -> dict[str, list[Mapping[str, Any]]]:
    """Group by stage the lines about shards in which something was done."""
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for event in log.shards if log else ():
        if event["record"]["rows_done"]:
            by_stage.setdefault(event["record"]["stage"], []).append(event)
    return by_stage


def _end(event: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def _begin(event: Mapping[str, Any]) -> float:
    return _end(event) - float(event["record"]["seconds"])


def _rate_of_shards(events: list[Mapping[str, Any]]) -> Rate:
    """Find the rate from the beginning of the first shard to the end of the last."""
    records = [event["record"] for event in events]
    return Rate(
        sum(record["rows_done"] for record in records),
        max(map(_end, events)) - min(map(_begin, events)),
        sum(record["cpu_seconds"] for record in records),
        sum(record["nbytes"] for record in records),
    )


def _ends(filesystem: Any, path: str) -> list[bytes]:
    """Read lines of a log's beginning and end; a line cut in two is left out."""
    size = filesystem.info(path)["size"]
    if size <= HEAD_BYTES + TAIL_BYTES:
        return list(filesystem.cat_file(path).splitlines())
    head = filesystem.cat_file(path, start=0, end=HEAD_BYTES).splitlines()[:-1]
    tail = filesystem.cat_file(path, start=size - TAIL_BYTES, end=size).splitlines()[1:]
    return [*head, *tail]


def _events(lines: Iterable[bytes]) -> Iterable[Mapping[str, Any]]:
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the line that is being written
        if isinstance(event, dict):
            yield event


def utc_now() -> datetime:
    """Return the current time, with its zone."""
    return datetime.now(UTC)
