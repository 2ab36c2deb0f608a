"""Validation errors in plain words: the key at fault, its value and the allowed values."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from survey_batch.config.classifiers import ClassifierKind
from survey_batch.config.job import Job
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.config.survey import Survey, section_of
from survey_batch.config.toml_lines import KeyPath

_PATTERNS: Mapping[KeyPath, str] = {
    ("name",): "letters, digits, '.', '_' and '-', with a letter or digit first",
    ("frames", "bands"): "one to sixteen letters or digits, one for each band",
    ("composites", "bands"): 'three letters or digits, one for each band, such as "irg"',
    ("composites", "pair"): 'three letters or digits, one for each band, such as "zru"',
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": 'text in quotes, such as "a"',
    "bool": "true or false",
    "tuple": 'a list, such as ["a", "b"]',
    "dict": "a table",
    "model": "a table",
}


@dataclass(frozen=True)
class Plugged:
    """The plug-ins that decide what some tables of a job file may hold: `[train]` and `[archive]`."""

    classifier: ClassifierKind | None = None
    survey: Survey | None = None


NOTHING = Plugged()


def explain(error: ErrorDetails, plugged: Plugged = NOTHING) -> tuple[KeyPath, str]:
    """Turn a validation error into the key at fault and plain words; `plugged` says what some tables are."""
    key, kind, given = error["loc"], error["type"], error["input"]
    if key[:1] == ("tables",) and key[1:]:  # in the file, the table of another package's stage is at the top level
        key = key[1:]
    context = error.get("ctx", {})
    if key[-1:] == ("[key]",) and kind == "literal_error":  # a table with a fixed set of keys
        table = ".".join(map(str, key[:-2]))
        near, allowed = _near(str(given), _quoted(context["expected"])), context["expected"].replace("'", "")
        return key[:-1], f"is not a key of [{table}]{near}; allowed: {allowed}"
    if kind == "missing":
        return key, f"is missing: {_needs(key, plugged)}"
    if kind == "extra_forbidden":
        return key, _explain_unknown(key, plugged)
    if kind == "literal_error":
        return (
            key,
            f"is {given!r}{_near(str(given), _quoted(context['expected']))}; allowed: {context['expected']}",
        )
    if kind == "string_pattern_mismatch":
        return key, f"is {given!r}; allowed: {_PATTERNS.get(key, context['pattern'])}"
    if kind == "value_error":
        wrong: Exception = context["error"]
        return _said_once((*key, *(wrong.key if isinstance(wrong, WrongKeyError) else ())), str(wrong))
    if kind == "too_short":
        return key, f"is {given!r}, but must not be empty"
    if (family := kind.split("_")[0]) in _KINDS and kind.endswith(("_type", "_parsing", "_from_float")):
        return key, f"is {_shown(given)}, but must be {_KINDS[family]}"
    return key, f"is {given!r}; {error['msg'].replace('Input should be', 'must be')}"


def without_misspelt(errors: Sequence[ErrorDetails], plugged: Plugged = NOTHING) -> list[ErrorDetails]:
    """Leave out that a key is missing where an unknown key of its table is that key misspelt."""
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    meant = [(*table, _nearest(str(name), _allowed(tuple(table), plugged))) for *table, name in unknown]
    return [error for error in errors if not (error["type"] == "missing" and error["loc"] in meant)]


def _shown(given: Any) -> str:
    """Write a value as TOML has it, as far as that differs in one word."""
    return repr(given).lower() if isinstance(given, bool) else repr(given)


def _said_once(key: KeyPath, reason: str) -> tuple[KeyPath, str]:
    """Leave out the key if the reason begins with it, or with its last parts."""
    for name in (".".join(map(str, key[start:])) for start in range(len(key))):
        if found := re.match(rf"{re.escape(name)}(?=[ .:])", reason):
            return key, reason[found.end() :].lstrip(" ")
    return key, f": {reason}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _needs(key: KeyPath, plugged: Plugged) -> str:
    model = model_at(key, plugged)
    if model is None:
        return "it must be set"
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    return f"write a table [{'.'.join(map(str, key))}] with {' and '.join(required)}"


def _explain_unknown(key: KeyPath, plugged: Plugged) -> str:
    """List the allowed keys, and say where this key may belong."""
    *table, name = key
    allowed = _allowed(tuple(table), plugged)
    near = _near(str(name), allowed)
    homes = [home for home in _all_keys(Job, plugged) if home.rpartition(".")[2] == name]
    hint = near or (f" (did you mean {' or '.join(homes)}?)" if homes else "")
    where = f"[{'.'.join(map(str, table))}]" if table else "the job file"
    where += f" of kind {plugged.classifier.name!r}" if table == ["train"] and plugged.classifier else ""
    return f"is not a key of {where}{hint}; allowed: {', '.join(allowed)}"


def _allowed(table: KeyPath, plugged: Plugged) -> list[str]:
    """List the keys of a table; of the job file itself without that of the tables of plug-ins."""
    model = model_at(table, plugged)
    return [field for field in model.model_fields if table or field != "tables"] if model else []


def _nearest(word: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, allowed)
    near.sort(key=lambda other: sorted(other) != sorted(word))  # swapped letters are the commonest mistake
    return near[0] if near else ""


def _near(word: str, allowed: Sequence[str]) -> str:
    near = _nearest(word, allowed)
    return f" (did you mean {near!r}?)" if near else ""


def model_at(key: KeyPath, plugged: Plugged = NOTHING) -> type[BaseModel] | None:
    """Return the model of the table at a key; None if the key holds a value.

    Parameters
    ----------
    key
        The names from the job file's top to the table.
    plugged
        What decides the keys of `[train]` and `[archive]`; without it, they have the keys that all share.
    """
    model: type[BaseModel] | None = Job
    if key and key[0] not in Job.model_fields and (section := section_of(str(key[0]))):
        model, key = section, key[1:]
    names = iter(key)
    for name in names:
        info = model.model_fields.get(str(name)) if model else None
        model = _model_in(info.annotation, plugged) if info else None
        if info and get_origin(info.annotation) is Mapping:  # its tables have names chosen by the user
            next(names, None)
    return model


def _model_in(annotation: Any, plugged: Plugged) -> type[BaseModel] | None:
    kinds = (annotation, *get_args(annotation), *(inner for part in get_args(annotation) for inner in get_args(part)))
    model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    if model is ArchiveSection and plugged.survey:
        return plugged.survey.archive
    return plugged.classifier.training if model is TrainingSection and plugged.classifier else model


def _all_keys(model: type[BaseModel], plugged: Plugged, prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield prefix + name
        if (inner := _model_in(info.annotation, plugged)) is not None:
            yield from _all_keys(inner, plugged, f"{prefix}{name}.")
