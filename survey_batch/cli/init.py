"""`survey-batch init`: a job file to start from."""

from pathlib import Path
from typing import Annotated

import typer

from survey_batch.cli.options import console
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError


def init(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help="The file to write.", show_default=False)],
    survey: Annotated[str, typer.Option(help="An installed survey: sdss, lamost, skyserver, stamps, or a plug-in.")] = (
        "sdss"
    ),
) -> None:
    """Write a commented job file to start from; an existing file is left alone.

    Example: survey-batch init my-job.toml --survey lamost
    """
    text = find_survey(survey).example().replace("{name}", job.stem)
    if job.exists():
        raise ConfigurationError(f"{job} exists already; choose another name or remove it")
    job.parent.mkdir(parents=True, exist_ok=True)
    job.write_text(text, encoding="utf-8")
    console.print(f"wrote {job}; next: edit it, then survey-batch plan {job}", soft_wrap=True)
