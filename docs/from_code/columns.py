"""The columns of a catalogue that each survey reads, and the names by which they are found."""

from collections.abc import Callable, Iterator

from pydantic import TypeAdapter

from docs.from_code.keys import OURS
from docs.from_code.markdown import code, listed, table
from survey_batch.config.key_columns import MEANINGS
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import AnyArchive, Survey, installed_surveys
from survey_batch.core.plugins import SURVEYS, package


def our_surveys() -> list[Survey]:
    """Return the surveys that come with the package."""
    return [survey for survey in installed_surveys() if package(SURVEYS, survey.name) == OURS]


def meaning(survey: Survey, name: str) -> str:
    """Say what a column holds."""
    return next((column.meaning for column in survey.key if column.name == name), MEANINGS.get(name, ""))


def layouts(survey: Survey) -> Iterator[tuple[str, ArchiveSection]]:
    """Yield the table `[archive]` for each way in which the survey finds files, with a line of the job file."""
    schema = survey.archive.model_json_schema()["properties"]
    values = schema.get("layout", {}).get("enum", [None])
    for value in values:
        keys = {} if value is None else {"layout": value}
        section = TypeAdapter(AnyArchive).validate_python({"survey": survey.name, "root": "archive", **keys})
        yield f'`layout = "{value}"`' * bool(value), section


def page() -> str:
    """Write the reference of the columns."""
    return "\n".join(_of(survey) for survey in our_surveys())


def _of(survey: Survey) -> str:
    parts = [f"(columns-{survey.name})=", f"## Survey `{survey.name}`\n"]
    for words, section in layouts(survey):
        parts += [f"With {words}:\n"] * bool(words)
        parts.append(f"```text\n{survey.purpose(section)}\n```\n")
    rows = [
        (code(name), listed(names), meaning(survey, name))
        for name, names in sorted(_columns(survey), key=_keys_first(survey))
    ]
    return "\n".join([*parts, table(("column", "names that are recognized", "what it holds"), rows)])


def _columns(survey: Survey) -> list[tuple[str, tuple[str, ...]]]:
    return list(survey.known_columns().items())


def _keys_first(survey: Survey) -> Callable[[tuple[str, object]], int]:
    first = ["object_id", "ra", "dec", *(column.name for column in survey.key)]
    return lambda column: first.index(column[0]) if column[0] in first else len(first)
