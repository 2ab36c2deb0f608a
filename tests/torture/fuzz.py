"""Fuzzing of everything that reads files from elsewhere: `python -m tests.torture.fuzz --runs 1000000 --seconds 3600`.

Changed files go to the readers, in a process of its own whose memory is limited, and each is judged by `law`. A table
is printed at the end; the exit code is 1 if the law was broken. `--target NAME --input NUMBER` does one input again and
shows the traceback. `--guided` lets coverage guide the changes; it needs atheris, which the package does not:
`pip install atheris` into the environment (or `pip install --target FOLDER atheris`, and FOLDER on PYTHONPATH).
"""

import argparse
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from survey_batch.core.environment import compute_like_a_worker
from tests.torture.law import MEMORY, Verdict, judge
from tests.torture.tally import Tally, table
from tests.torture.target import Target
from tests.torture.targets import TARGETS

SLICE = 200
"""Inputs of a target of weight 1 that are done before the next target has its turn."""
HUNG_SECONDS = 120.0
"""Wall time after which a process that does not come back is killed."""
TOLD_SECONDS = 120.0
"""Time after which the counts so far are shown."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; return the exit code."""
    asked = _parser().parse_args(arguments)
    targets = [
        target for name, target in TARGETS.items() if not asked.target or any(part in name for part in asked.target)
    ]
    if not targets:
        sys.stderr.write(f"no such target; there are {', '.join(TARGETS)}\n")
        return 2
    if asked.input is not None:
        return _again(targets[0], asked.input)
    if asked.guided:
        from tests.torture.guided import guided

        tallies = guided(targets, asked.runs, asked.seconds, Path(asked.keep))
    else:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends with the table, as Ctrl-C does
        tallies = fuzz(targets, asked.runs, asked.seconds, asked.first, Path(asked.keep))
    sys.stdout.write(table(tallies.items()) + "\n")
    return 1 if any(tally.kinds["broken"] for tally in tallies.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000, help="inputs for all targets together")
    parser.add_argument("--seconds", type=float, default=600, help="wall time after which it ends")
    parser.add_argument("--target", action="append", help="only targets whose name contains this")
    parser.add_argument("--first", type=int, default=0, help="number of the first input; others come next")
    parser.add_argument("--input", type=int, help="do one input of the first target again, and show the traceback")
    parser.add_argument("--keep", default="build/fuzz", help="folder for inputs that break the law")
    parser.add_argument("--guided", action="store_true", help="let coverage guide the changes (needs atheris)")
    return parser


def fuzz(targets: Sequence[Target], runs: int, seconds: float, first: int, keep: Path) -> dict[str, Tally]:
    """Give each target its share of the inputs, in turns, until all are done or the time is over."""
    tallies = {target.name: Tally() for target in targets}
    deadline, told = time.monotonic() + seconds, time.monotonic()
    child = _Child(keep)
    try:
        for target, start, count in _turns(targets, runs, first):
            tallies[target.name].merge(child.do(target.name, start, count, deadline))
            if time.monotonic() > deadline:
                break
            if time.monotonic() - told > TOLD_SECONDS:
                told = time.monotonic()
                sys.stderr.write(f"so far:\n{table(tallies.items())}\n")
                sys.stderr.flush()
    except KeyboardInterrupt:
        pass
    finally:
        child.end()
    return tallies


def _turns(targets: Sequence[Target], runs: int, first: int) -> Iterator[tuple[Target, int, int]]:
    """Yield slices of inputs: target, first number and count."""
    whole = sum(target.weight for target in targets)
    left = {target.name: max(round(runs * target.weight / whole), 1) for target in targets}
    at = dict.fromkeys(left, first)
    while any(left.values()):
        for target in targets:
            count = min(left[target.name], max(round(SLICE * target.weight), 1))
            if count:
                yield target, at[target.name], count
                left[target.name] -= count
                at[target.name] += count


class _Child:
    """The process that reads; if it dies or hangs, that is noted and another goes on with the next input."""

    def __init__(self, keep: Path) -> None:
        self.keep = keep
        self._context = multiprocessing.get_context("spawn")
        self._at = self._context.Value("q", -1)
        self._process: Any = None
        self._pipe: Any = None

    def do(self, name: str, start: int, count: int, deadline: float) -> Tally:
        """Do inputs `start` to `start + count` of a target, or fewer if the time is over."""
        tally, end = Tally(), start + count
        while start < end and time.monotonic() < deadline:
            if self._process is None:
                self._begin()
            self._at.value = start - 1
            self._pipe.send((name, start, end, max(deadline - time.monotonic(), 0)))
            answer = self._answer()
            if isinstance(answer, Tally):
                tally.merge(answer)
                return tally
            start = int(self._at.value) + 1  # those before it in this slice were not counted
            tally.add(str(start - 1), Verdict("broken", answer))
        return tally

    def _answer(self) -> Tally | str:
        """Wait for the counts; else say how the process ended."""
        before, since = -1, time.monotonic()
        while not self._pipe.poll(1.0):
            if self._at.value != before:
                before, since = self._at.value, time.monotonic()
            if time.monotonic() - since > HUNG_SECONDS:
                self.end()
                return f"the reader did not come back within {HUNG_SECONDS:g} s"
        try:
            answer: Tally = self._pipe.recv()
        except EOFError:
            self._process.join()
            code, self._process = self._process.exitcode, None
            return f"the process died with exit code {code}"
        return answer

    def _begin(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_work, args=(theirs, self._at, self.keep), daemon=True)
        self._process.start()
        theirs.close()

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None


def _work(pipe: Connection, at: Any, keep: Path) -> None:
    """Read inputs as told, until the pipe closes."""
    prepare()
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        while True:
            try:
                name, start, end, seconds = pipe.recv()
            except EOFError:
                return
            target, tally, begun = TARGETS[name], Tally(), time.monotonic()
            path = input_path(Path(folder), target)
            for number in range(start, end):
                at.value = number
                raw = target.input(number)
                path.write_bytes(raw)
                if tally.add(str(number), judge(target.read, path, target.names)):
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{name.replace(' ', '-').replace(':', '')}-{number}").write_bytes(raw)
                if time.monotonic() - begun > seconds:
                    break
            tally.seconds = time.monotonic() - begun
            pipe.send(tally)


def prepare() -> None:
    """Make this process one that reads as a worker does, with a limit on its memory."""
    compute_like_a_worker()
    for target in TARGETS.values():  # so that what is imported and made once counts for no input
        _ = target.whole
    if hasattr(resource, "RLIMIT_DATA") and sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_DATA, (held + 2 * MEMORY, resource.RLIM_INFINITY))


def memory_folder() -> str | None:
    """Return a folder in memory, where there is one: inputs are written by the thousand."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108


def input_path(folder: Path, target: Target) -> Path:
    """Return where a target's input is written."""
    path = folder / target.name.replace(" ", "-").replace(":", "") / target.file
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _again(target: Target, number: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = input_path(Path(folder), target)
        path.write_bytes(target.input(number))
        verdict = judge(target.read, path, target.names)
        sys.stdout.write(f"{target.name}, input {number}: {verdict}\n")
        try:
            target.read(path)
        except Exception:
            traceback.print_exc()
    return 1 if verdict.kind == "broken" else 0


if __name__ == "__main__":
    sys.exit(main())
