"""Fuzzing guided by coverage, with atheris: inputs that reach new lines of the package are changed further."""

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.torture.tally import Tally
from tests.torture.target import Target
from tests.torture.targets import TARGETS

FLUSHED = 200
"""Inputs after which counts are written: libFuzzer ends its process without a word."""


def guided(targets: Sequence[Target], runs: int, seconds: float, keep: Path) -> dict[str, Tally]:
    """Give each target its share of the inputs and of the time, each in a process of its own."""
    whole = sum(target.weight for target in targets)
    tallies = {}
    for target in targets:
        share = target.weight / whole
        with tempfile.TemporaryDirectory() as folder:
            counts = Path(folder) / "counts"
            command = [sys.executable, "-m", "tests.torture.guided", target.name, counts, keep]
            ended = subprocess.run(
                [*map(str, command), str(max(int(runs * share), 1)), str(max(int(seconds * share), 1))],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            tallies[target.name] = pickle.loads(counts.read_bytes()) if counts.exists() else Tally()  # noqa: S301
            if not counts.exists() or ended.returncode not in (0, None):
                tallies[target.name].broken["the process"] = [("?", ended.stderr[-1500:])]
    return tallies


def _fuzz(name: str, counts: Path, keep: Path, runs: str, seconds: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["survey_batch"]):
        import survey_batch.catalog
        import survey_batch.config.jobfile
        import survey_batch.models.artifact
        import survey_batch.stages.spectra
        import survey_batch.store.problems
        import survey_batch.surveys.lamost.reader
        import survey_batch.surveys.sdss.reader
        import survey_batch.surveys.skyserver.service
        import survey_batch.surveys.stamps.stage  # noqa: F401
    from tests.torture.fuzz import input_path, memory_folder, prepare
    from tests.torture.law import judge

    prepare()
    target, tally, begun = TARGETS[name], Tally(), time.monotonic()
    folder = Path(tempfile.mkdtemp(dir=memory_folder()))
    path, corpus = input_path(folder, target), folder / "corpus"
    corpus.mkdir()
    for number, raw in enumerate(target.whole):
        (corpus / str(number)).write_bytes(raw)

    def one(raw: bytes) -> None:
        path.write_bytes(raw)
        number = f"guided-{tally.inputs}"
        if tally.add(number, judge(target.read, path, target.names)):
            keep.mkdir(parents=True, exist_ok=True)
            (keep / f"{name.replace(' ', '-').replace(':', '')}-{number}").write_bytes(raw)
        if tally.inputs % FLUSHED == 0 or tally.inputs >= int(runs):
            tally.seconds = time.monotonic() - begun
            counts.write_bytes(pickle.dumps(tally))

    def change(raw: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        return (atheris.Mutate(raw, most) if random.random() < 0.2 else target.mutate(raw, random))[:most]

    options = [f"-runs={runs}", f"-max_total_time={seconds}", "-max_len=400000", "-rss_limit_mb=0", "-timeout=300"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=change)
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5])
