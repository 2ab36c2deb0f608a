"""Every key of a job file, from the models that check it."""

import inspect
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docs.from_code import markdown
from docs.from_code.attribute_texts import attribute_texts
from docs.from_code.markdown import Entry, code, entry, listed
from docs.from_code.types import type_in_words
from survey_batch.config.classifiers import classifier_kind
from survey_batch.config.explain import model_at
from survey_batch.config.job import Job
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import Section, Unit
from survey_batch.config.sections.cluster import SHARED, GpuSection
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.config.survey import installed_surveys
from survey_batch.config.unread import VALUES, clusters_reading, stages_reading, surveys_reading
from survey_batch.core.plugins import CLASSIFIERS, SURVEYS, offered, package

NOT_WRITTEN = ("tables", "custom.NAME.source")
"""Fields of the models that nobody writes: other packages' tables, and what a run sets itself."""
OURS = "survey-batch"


@dataclass(frozen=True)
class Table:
    """A table of the job file, with its keys.

    Attributes
    ----------
    name
        As in the file, `catalog.split`; "" for the top of the file.
    model
        What checks it.
    of
        The survey or the kind of classifier that it belongs to; "" if it belongs to all.
    leave
        Keys that are explained elsewhere.
    """

    name: str
    model: type[Section]
    of: str = ""
    leave: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Heading of the table."""
        name = f"`[{self.name}]`" if self.name else "The top of the file"
        return f"{name}, {'survey' if self.name == 'archive' else 'kind'} `{self.of}`" if self.of else name

    @property
    def target(self) -> str:
        """Name of the table in links."""
        return markdown.target("table", self.of, self.name or "top")

    def keys(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that are values: their names, and with their table."""
        for name in self.model.model_fields:
            path = f"{self.name}.{name}" if self.name else name
            if name not in self.leave and path not in NOT_WRITTEN and not _is_table(path):
                yield name, path


def tables() -> Iterator[Table]:
    """Yield all tables in the order of `Job`, those of a user's own functions last."""
    yield Table("", Job)
    yield from sorted(_below("", Job), key=lambda table: table.name.startswith("custom"))


def _below(prefix: str, model: type[Section]) -> Iterator[Table]:
    for name in model.model_fields:
        path = f"{prefix}{name}"
        if path in NOT_WRITTEN or not _is_table(path):
            continue
        if path == "archive":
            yield Table(path, ArchiveSection)
            yield from _archives()
        elif path == "train":
            yield Table(path, TrainingSection)
            yield from _kinds()
        else:
            found = model_at(tuple(path.split(".")))
            assert found is not None and issubclass(found, Section)  # noqa: S101, PT018 - for the type checker
            shown = f"{path}.NAME" if path == "custom" else path
            yield Table(shown, found)
            yield from _below(f"{path}.", found)


def _is_table(path: str) -> bool:
    names = tuple(path.split("."))
    return names[0] != "custom" or len(names) == 1 if model_at(names) is not None else False


def _archives() -> Iterator[Table]:
    for survey in (one for one in installed_surveys() if package(SURVEYS, one.name) == OURS):
        changed = [name for name in survey.archive.model_fields if not _same(survey.archive, ArchiveSection, name)]
        leave = tuple(name for name in survey.archive.model_fields if name not in changed)
        if changed:
            yield Table("archive", survey.archive, survey.name, leave)


def _kinds() -> Iterator[Table]:
    for name in (one for one in offered(CLASSIFIERS) if package(CLASSIFIERS, one) == OURS):
        if not classifier_kind(name).trained_here:
            continue
        common = tuple(key for key in TrainingSection.model_fields if key not in ("kind", "variant"))
        yield Table("train", classifier_kind(name).training, name, common)


def _same(model: type[Section], other: type[Section], name: str) -> bool:
    return name in other.model_fields and repr(model.model_fields[name]) == repr(other.model_fields[name])


def key_entry(table: Table, name: str, path: str) -> Entry:
    """Describe a key."""
    info, schema = table.model.model_fields[name], _schema(table.model, name)
    unit = next((f"unit: {part.name}" for part in info.metadata if isinstance(part, Unit)), "")
    facts = [type_in_words(schema), _default(table, name), unit, _read_by(table, name, path)]
    return Entry(path, tuple(filter(None, facts)), _meaning(table, name, path), _example(table, name), table.of)


def _schema(model: type[Section], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = model.model_json_schema()["properties"][name]
    return found


def _default(table: Table, name: str) -> str:
    info = table.model.model_fields[name]
    if info.is_required() and table.name != "train":
        return "**must be set**"
    if info.is_required():
        return "" if name in ("kind", "variant") else "**must be set**"
    value = info.get_default(call_default_factory=True)
    empty = value is None or value in ((), {})
    words = "not set by default" if empty else f"default {code(toml(value))}"
    of_variant = getattr(table.model, "of_variant", {})
    others = [f"{code(toml(keys[name]))} for variant `{one}`" for one, keys in of_variant.items() if name in keys]
    return ", ".join([words, *others])


def _read_by(table: Table, name: str, path: str) -> str:
    top = path.split(".")[0]
    if top == "archive":
        return f"survey {code(table.of)}" if table.of else ""
    if top == "cluster":
        return "" if name in SHARED else f"cluster.kind {' or '.join(_quoted(one) for one in clusters_reading(name))}"
    if top == "train":
        variants = getattr(table.model, "read_by", {}).get(name)
        return f"variants {listed(variants)}" if variants else ""
    if surveys := [one for one in surveys_reading(path) if package(SURVEYS, one) == OURS]:
        return f"survey {listed(surveys)}"
    stages: dict[str, list[str]] = {}
    for survey, stage in stages_reading(path):
        if package(SURVEYS, survey) == OURS:
            stages.setdefault(stage, []).append(survey)
    whole = len(offered(SURVEYS))
    named = [f"`{stage}`" + (f" of {listed(of)}" if len(of) < whole else "") for stage, of in stages.items()]
    return f"stage {' and '.join(named)}" if named else ""


def _quoted(kind: str) -> str:
    return code(kind) if kind.startswith('"') else kind


def _meaning(table: Table, name: str, path: str) -> str:
    if table.model is GpuSection and name not in GpuSection.__annotations__:
        return (
            f"As [`cluster.{name}`](#{markdown.target('key', path.replace('gpu.', ''))}), for the phase that predicts."
        )
    text = attribute_texts(table.model).get(name, "")
    needs = {key: words for key, _, words in VALUES}
    words = needs.get(path) or getattr(table.model, "counts_with", {}).get(name, (None, ""))[1]
    return f"{text} Counts only with `{words}`." if words and text else text


def _example(table: Table, name: str) -> str:
    """Return a line with a value: one that the model gives, or another than the default, or the default."""
    info, schema = table.model.model_fields[name], _schema(table.model, name)
    value: Any
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    options = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if table.name == "archive" and name == "survey":
        value = table.of or next(iter(offered(SURVEYS)))
    elif table.of and name in ("kind", "variant"):
        value = table.of if name == "kind" else next(iter(classifier_kind(table.of).variants))
    elif info.examples:
        value = info.examples[0]
    elif isinstance(default, bool):
        value = not default
    elif options:
        value = next((one for one in options if one != default), options[0])
    else:
        value = default
    return "" if value is None or value in ((), {}) else f"{name} = {toml(value)}"


def toml(value: Any) -> str:
    """Write a value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + " }"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 10_000:
        return f"{value:_}"
    return json.dumps(value, ensure_ascii=False)


def entries() -> Iterator[tuple[Table, list[Entry]]]:
    """Yield each table with its keys."""
    for table in tables():
        yield table, [key_entry(table, name, path) for name, path in table.keys()]  # noqa: SIM118


def page() -> str:
    """Write the reference of the job file: all tables with links to their keys, then each key."""
    found = list(entries())
    rows = [(f"[{_short(table)}](#{table.target})", ", ".join(_link(key) for key in keys)) for table, keys in found]
    parts = ["## All keys\n", markdown.table(("table", "keys"), rows)]
    for table, keys in found:
        parts += [f"({table.target})=", f"## {table.title}\n", _about(table) + "\n"]
        parts += [entry(key, "key") for key in keys]
    return "\n".join(parts)


def _short(table: Table) -> str:
    return f"{code(f'[{table.name}]')} {table.of}".strip() if table.name else "top"


def _link(key: Entry) -> str:
    return f"[{code(key.name.rpartition('.')[2])}](#key-{key.target})"


def _about(table: Table) -> str:
    if table.model is Job:
        return "Keys that stand before the first table."
    return (inspect.getdoc(table.model) or "").split("\n\nAttributes\n")[0]
