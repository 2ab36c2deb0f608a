"""Arguments and options that several verbs share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survey_batch.cli.completion import complete_job_file, complete_setting
from survey_batch.core import steps

if TYPE_CHECKING:
    from survey_batch.config.job import Job

JobFile = Annotated[
    Path,
    typer.Argument(metavar="JOB.toml", help="The job file.", show_default=False, autocompletion=complete_job_file),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the job file: --set shards.objects=256",
        autocompletion=complete_setting,
    ),
]


def open_job(path: Path, overrides: Sequence[str] | None) -> "Job":
    """Say so and read the job file, before anything else that takes long to import."""
    steps.step(f"reading {path}")
    from survey_batch.config.jobfile import load_job

    job = load_job(path, overrides or ())
    steps.detail("loading libraries")
    from survey_batch.core.without_pandas import spare_pandas

    spare_pandas()
    return job
