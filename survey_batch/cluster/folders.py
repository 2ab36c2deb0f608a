"""Folders for the scripts, logs and keys of worker jobs, in the output's `log` folder."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from survey_batch.core.paths import is_url

KEPT = 5
"""Runs whose scripts and logs are kept, the present one included."""

KEYS = "keys"
"""Folder of a run's certificate and private key, which never outlive the run."""

_RUN = re.compile(r"\d{8}T\d{6}\.\d{6}")


def job_folder(output: str, kind: str) -> Path:
    """Return a kind's folder for scripts, logs and certificates; all nodes must see it, only the user can read it."""
    folder = Path("survey-batch" if is_url(output) else output).absolute() / "log" / kind
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


@contextmanager
def run_folder(output: str, kind: str) -> Iterator[Path]:
    """Make a run's own folder in that of its kind, and clean those of earlier runs.

    The run's keys are removed with the `with` block. Those of a run that was killed are removed by the next one.
    """
    base = job_folder(output, kind)
    before = sorted(path for path in base.iterdir() if path.is_dir() and _RUN.fullmatch(path.name))
    for path in before:
        shutil.rmtree(path / KEYS, ignore_errors=True)
    for path in before[: 1 - KEPT]:
        shutil.rmtree(path, ignore_errors=True)
    folder = base / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    (folder / KEYS).mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder / KEYS, ignore_errors=True)
