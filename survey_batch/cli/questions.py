"""The questions of `survey-batch init` in a terminal; what was given as an option is not asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import typer
from rich.padding import Padding
from rich.text import Text

from survey_batch.cli.output import answer
from survey_batch.config.example import PREDICTIONS, can_predict, example_job, value_in
from survey_batch.config.jobfile import UNSET, expanded
from survey_batch.config.survey import Survey, find_survey, installed_surveys
from survey_batch.config.toml_lines import KeyPath
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys import EXAMPLE

T = TypeVar("T")

NO_LABEL = "none"
"""The answer for a catalogue without classes."""


@dataclass(frozen=True)
class Wishes:
    """What a new job shall say; None where the survey's example decides."""

    job: Path | None
    survey: str | None
    catalog: str | None
    root: str | None
    stages: str | None
    output: str | None
    label: str | None = None
    """A column of classes; "" for none."""

    def text(self, survey: str) -> str:
        """Return the text of the job file."""
        values: dict[KeyPath, object] = {
            ("output",): self.output,
            ("catalog", "path"): self.catalog,
            ("archive", "root"): self.root,
            ("catalog", "label"): self.label or None,
        }
        if self.stages is not None:
            values["stages",] = chosen_stages(self.stages, find_survey(survey))
        given = {key: value for key, value in values.items() if value is not None}
        if self.label == "":
            given |= {("catalog", "label"): None, ("catalog", "split"): None}  # which needs labels
        return example_job(survey, self.job.stem if self.job else "job", given)


def ask(wishes: Wishes) -> Wishes:
    """Ask for what is not given; an empty answer takes the default, Ctrl-C ends without a file."""
    from survey_batch.catalog.labels import can_be_made

    job = wishes.job or _asked("Job file to write", "my-job.toml", _new_file)
    survey = wishes.survey or _ask_survey()
    wishes = replace(wishes, job=job, survey=survey)
    example = wishes.text(survey)
    path, label = (value_in(example, "catalog", key) for key in ("path", "label"))
    if wishes.catalog:
        catalog, columns = wishes.catalog, _columns_if_there(wishes.catalog, find_survey(survey), label)
    else:
        catalog, columns = _ask_catalog(find_survey(survey), path, label)
    root = wishes.root or _asked(
        "Archive: a folder, https://… or s3://…", str(value_in(example, "archive", "root")), str
    )
    stages = wishes.stages or _ask_stages(find_survey(survey), value_in(example, "stages"))
    wishes = replace(wishes, catalog=catalog, root=root, stages=stages)
    label = value_in(wishes.text(survey), "catalog", "label")
    if columns and wishes.label is None and label is not None and not can_be_made(label, columns):
        wishes = replace(wishes, label=_ask_label(columns))
    output = wishes.output or _asked("Output folder or URL", str(value_in(example, "output")), str)
    return replace(wishes, output=output)


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


def _ask_catalog(survey: Survey, default: str, label: str | None) -> tuple[str, list[str]]:
    """Ask for the catalogue, and show how its columns are understood; one that cannot be read may come later.

    Returns
    -------
    path : str
    columns : list of str
        Those of the catalogue; none if it cannot be read.
    """
    question = "Catalogue: CSV, Parquet, FITS, VOTable, …, a path or URL"
    path = _asked(question, default, str)
    while True:
        try:
            return path, _understood(path, survey, label)
        except ConfigurationError as error:
            answer.show(_indented(str(error)))
            again = _asked("Take it all the same? (yes, no, or another path)", "no", str)
            if again.lower() in ("y", "yes"):
                return path, []
            path = _asked(question, default, str) if again.lower() in ("n", "no") else again


def _columns_if_there(path: str, survey: Survey, label: str | None) -> list[str]:
    """Show how a catalogue that was given is understood, and return its columns; none if it cannot be read yet."""
    try:
        return _understood(path, survey, label)
    except ConfigurationError as error:
        answer.show(_indented(str(error)))
        return []


def _understood(path: str, survey: Survey, label: str | None) -> list[str]:
    """Say which columns are recognised and which others there are, and return all."""
    from survey_batch.catalog.labels import can_be_made
    from survey_batch.catalog.opening import open_catalog
    from survey_batch.config.job import CatalogSection

    written, (path, unset) = path, expanded(path)
    if unset:
        raise ConfigurationError(f"{written} {UNSET.format(unset[0])}")
    archive = survey.archive(survey=survey.name, root=".")
    opened = open_catalog(CatalogSection(path=path), archive)
    if label is not None and can_be_made(label, opened.source.names):
        opened = open_catalog(CatalogSection(path=path, label=label), archive)
    known = ", ".join(ours if ours == theirs else f"{ours} ({theirs})" for ours, theirs in opened.names.items())
    others = [name for name in opened.source.names if name not in opened.names.values()]
    answer.show(_indented(f"recognised: {known}"))
    if others:
        answer.show(_indented(f"other columns: {', '.join(others)}"))
    return list(opened.source.names)


def _ask_label(columns: Sequence[str]) -> str:
    """Ask which column holds the classes, if the catalogue lacks the columns that the example's label needs."""
    from survey_batch.catalog.labels import class_columns

    def checked(name: str) -> str:
        if name != NO_LABEL and name not in columns:
            raise ConfigurationError(f"there is no column {name!r}; there are {', '.join(columns)}")
        return "" if name == NO_LABEL else name

    guess = next(iter(class_columns(columns)), NO_LABEL)
    return _asked(
        f'Column with known classes, to train a classifier ("{NO_LABEL}": there is no such column)', guess, checked
    )


def _ask_stages(survey: Survey, default: list[str]) -> str:
    answer.show(f"Products of {survey.name}: {', '.join(products_offered(survey))}")
    return _asked("What to make, with commas", ",".join(default), lambda text: ",".join(chosen_stages(text, survey)))


def products_offered(survey: Survey) -> list[str]:
    """List what the survey's example can be made to do: its stages, and predictions if it has a table for them."""
    return [*survey.stages, *([PREDICTIONS] if can_predict(survey.example()) else [])]


def chosen_stages(text: str, survey: Survey) -> list[str]:
    """Read stages with commas between them, and put them in order.

    Raises
    ------
    ConfigurationError
        The survey has no such stage, or none that the others can be made of.
    """
    wanted, offered = {name.strip() for name in text.split(",")}, products_offered(survey)
    if unknown := sorted(wanted.difference(offered)):
        raise ConfigurationError(
            f"{', '.join(map(repr, unknown))} is no product of survey {survey.name!r}; there are {', '.join(offered)}"
        )
    names = [name for name in offered if name in wanted]
    if names[0] == PREDICTIONS or not survey.stages[names[0]].starts:
        starts = [name for name, kind in survey.stages.items() if kind.starts]
        raise ConfigurationError(f"the first product must be {' or '.join(starts)}: the others are made of it")
    return names
