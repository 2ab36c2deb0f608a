"""`survey-batch init`: a job file to start from."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from survey_batch.cli.completion import complete_stages, complete_survey
from survey_batch.cli.facts import InitFacts
from survey_batch.cli.frame import command
from survey_batch.cli.output import answer


def init(
    job: Annotated[Path | None, typer.Argument(metavar="JOB.toml", help="The file to write.", show_default=False)] = (
        None
    ),
    survey: Annotated[
        str | None,
        typer.Option(
            help="An installed survey: sdss (the default), sdss-spectra, lamost, lamost-medium, desi, "
            "fits-images, fits-spectra, skyserver, stamps, or a plug-in.",
            autocompletion=complete_survey,
        ),
    ] = None,
    catalog: Annotated[str | None, typer.Option(help="Your list of objects, a path or URL: key catalog.path.")] = None,
    root: Annotated[str | None, typer.Option(help="Where the survey's files are: key archive.root.")] = None,
    stages: Annotated[
        str | None, typer.Option(help="What to make, with commas: key stages.", autocompletion=complete_stages)
    ] = None,
    output: Annotated[str | None, typer.Option(help="Where products go: key output.")] = None,
    label: Annotated[
        str | None,
        typer.Option(help="The column with known classes, to train a classifier: key catalog.label; '' for none."),
    ] = None,
) -> None:
    """Write a commented job file to start from; an existing file is left alone.

    In a terminal, it asks for what is not given, unless both the file and the survey are.

    Example: survey-batch init my-job.toml --survey lamost
    """
    from survey_batch.cli.questions import Wishes, ask
    from survey_batch.config.jobfile import UNSET, expanded
    from survey_batch.config.sections.base import HOLDS
    from survey_batch.core.errors import ConfigurationError
    from survey_batch.core.paths import is_url
    from survey_batch.core.redaction import secret_in
    from survey_batch.surveys import EXAMPLE

    wishes = Wishes(job, survey, catalog, root, stages, output, label)
    asks = (job is None or survey is None) and not answer.as_json and sys.stdin.isatty() and sys.stdout.isatty()
    if asks:
        answer.clear()
        wishes = ask(wishes)
    if wishes.job is None:
        raise typer.BadParameter("name the file to write", param_hint="JOB.toml")
    text = wishes.text(wishes.survey or EXAMPLE)
    if what := secret_in(text):
        raise ConfigurationError(f"the job file {HOLDS.format(what)}")
    if wishes.job.exists():
        raise ConfigurationError(f"{wishes.job} exists already; choose another name or remove it")
    wishes.job.parent.mkdir(parents=True, exist_ok=True)
    wishes.job.write_text(text, encoding="utf-8")
    answer.tell(InitFacts(file=str(wishes.job), survey=wishes.survey or EXAMPLE))
    answer.tell({"next": [command(verb, wishes.job) for verb in ("catalog", "plan")]})
    if not asks:
        path, unset = expanded(wishes.catalog or "")
        answer.note(f"{wishes.catalog} {UNSET.format(name)}" for name in unset)
        if path and not unset and not is_url(path) and not Path(path).exists():
            answer.note([f"there is no file {path} yet: put it there, or correct catalog.path in {wishes.job}"])
    answer.show(f"wrote {wishes.job}; look through it, then: survey-batch plan {wishes.job}")
