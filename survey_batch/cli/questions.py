"""The questions of `survey-batch init` in a terminal; what was given as an option is not asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import typer
from rich.padding import Padding
from rich.text import Text

from survey_batch.cli.output import answer
from survey_batch.config.example import example_job, value_in
from survey_batch.config.survey import Survey, find_survey, installed_surveys
from survey_batch.config.toml_lines import KeyPath
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys import EXAMPLE

T = TypeVar("T")


@dataclass(frozen=True)
class Wishes:
    """What a new job shall say; None where the survey's example decides."""

    job: Path | None
    survey: str | None
    catalog: str | None
    root: str | None
    stages: str | None
    output: str | None

    def text(self, survey: str) -> str:
        """Return the text of the job file."""
        values: dict[KeyPath, object] = {
            ("output",): self.output,
            ("catalog", "path"): self.catalog,
            ("archive", "root"): self.root,
        }
        if self.stages is not None:
            values["stages",] = chosen_stages(self.stages, find_survey(survey))
        given = {key: value for key, value in values.items() if value is not None}
        return example_job(survey, self.job.stem if self.job else "job", given)


def ask(wishes: Wishes) -> Wishes:
    """Ask for what is not given; an empty answer takes the default, Ctrl-C ends without a file."""
    job = wishes.job or _asked("Job file to write", "my-job.toml", _new_file)
    survey = wishes.survey or _ask_survey()
    wishes = replace(wishes, job=job, survey=survey)
    example = wishes.text(survey)
    path, label = (value_in(example, "catalog", key) for key in ("path", "label"))
    catalog = wishes.catalog or _ask_catalog(find_survey(survey), path, label)
    root = wishes.root or _asked(
        "Archive: a folder, https://… or s3://…", str(value_in(example, "archive", "root")), str
    )
    stages = wishes.stages or _ask_stages(find_survey(survey), value_in(example, "stages"))
    output = wishes.output or _asked("Output folder or URL", str(value_in(example, "output")), str)
    return replace(wishes, catalog=catalog, root=root, stages=stages, output=output)


def _asked(question: str, default: str, check: Callable[[str], T]) -> T:
    """Ask until an answer passes the check, which raises a ConfigurationError that says what is wrong with it."""
    while True:
        try:
            return check(typer.prompt(question, default=default).strip())
        except ConfigurationError as error:
            answer.show(_indented(str(error)))
        except typer.Abort:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt from None


def _new_file(text: str) -> Path:
    path = Path(text if text.endswith(".toml") else f"{text}.toml")
    if path.exists():
        raise ConfigurationError(f"{path} exists already; choose another name or remove it")
    return path


def _ask_survey() -> str:
    surveys = installed_surveys()
    width = max(len(survey.name) for survey in surveys)
    answer.show("Surveys:", *(_indented(f"{survey.name:{width}}  {_about(survey)}") for survey in surveys))
    return _asked("Survey", EXAMPLE, lambda name: find_survey(name).name)


def _indented(text: str) -> Padding:
    return Padding(Text(text), (0, 0, 0, 2))


def _about(survey: Survey) -> str:
    return (type(survey).__doc__ or "").strip().splitlines()[0] if type(survey).__doc__ else ""


def _ask_catalog(survey: Survey, default: str, label: str | None) -> str:
    """Ask for the catalogue, and show how its columns are understood; one that cannot be read may come later."""
    while True:
        path = _asked("Catalogue: CSV, Parquet, FITS, VOTable, …, a path or URL", default, str)
        try:
            answer.show(*map(_indented, _understood(path, survey, label)))
        except ConfigurationError as error:
            answer.show(_indented(str(error)))
            if _asked("Take it all the same? (yes or no)", "no", str).lower() not in ("y", "yes"):
                continue
        return path


def _understood(path: str, survey: Survey, label: str | None) -> Iterator[str]:
    """Say which columns are recognised, and which others there are."""
    from survey_batch.catalog.opening import open_catalog
    from survey_batch.config.job import CatalogSection

    archive = survey.archive(survey=survey.name, root="")
    opened = open_catalog(CatalogSection(path=path, label=label), archive)
    known = ", ".join(ours if ours == theirs else f"{ours} ({theirs})" for ours, theirs in opened.names.items())
    others = [name for name in opened.source.names if name not in opened.names.values()]
    yield f"recognised: {known}"
    if others:
        yield f"other columns: {', '.join(others)}"


def _ask_stages(survey: Survey, default: list[str]) -> str:
    answer.show(f"Products of {survey.name}: {', '.join(survey.stages)}")
    return _asked("What to make, with commas", ",".join(default), lambda text: ",".join(chosen_stages(text, survey)))


def chosen_stages(text: str, survey: Survey) -> list[str]:
    """Read stages with commas between them, and put them in order.

    Raises
    ------
    ConfigurationError
        The survey has no such stage, or none that the others can be made of.
    """
    wanted = {name.strip() for name in text.split(",")}
    if unknown := sorted(wanted - survey.stages.keys()):
        raise ConfigurationError(
            f"{', '.join(map(repr, unknown))} is no product of survey {survey.name!r}; there are "
            f"{', '.join(survey.stages)}"
        )
    names = [name for name in survey.stages if name in wanted]
    if not survey.stages[names[0]].starts:
        starts = [name for name, kind in survey.stages.items() if kind.starts]
        raise ConfigurationError(f"the first product must be {' or '.join(starts)}: the others are made of it")
    return names
