"""Validation errors in plain words: the key at fault, its value and the allowed values."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from survey_batch.config.job import Job
from survey_batch.config.sections.training import TRAINING_OF
from survey_batch.config.survey import find_survey
from survey_batch.config.toml_lines import KeyPath
from survey_batch.core.plugins import STAGES, SURVEYS, load, offered

_PATTERNS: Mapping[KeyPath, str] = {
    ("name",): "letters, digits, '.', '_' and '-', with a letter or digit first",
    ("frames", "bands"): "one to five of the letters u, g, r, i, z",
    ("composites", "bands"): 'three of the letters u, g, r, i, z, such as "irg"',
    ("composites", "pair"): 'three of the letters u, g, r, i, z, such as "zru"',
}
RENAMED: Mapping[KeyPath, str] = {
    ("features",): "[spectral_features] for features of spectra, [image_features] for those of images",
}
"""Names of former versions, and what they are called now."""
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "string": 'text in quotes, such as "a"',
    "bool": "true or false",
    "tuple": 'a list, such as ["a", "b"]',
    "dict": "a table",
    "model": "a table",
}


def explain(error: ErrorDetails, survey: object = None) -> tuple[KeyPath, str]:
    """Turn a validation error into the key at fault and plain words; the survey decides what `[archive]` may hold."""
    key, kind, given = error["loc"], error["type"], error["input"]
    if key[:1] == ("tables",) and key[1:]:  # a table of another package's stage stands by itself
        key = key[1:]
    context = error.get("ctx", {})
    if key[-1:] == ("[key]",) and kind == "literal_error":  # a table with a fixed set of keys
        table = ".".join(map(str, key[:-2]))
        near, allowed = _near(str(given), _quoted(context["expected"])), context["expected"].replace("'", "")
        return key[:-1], f"is not a key of [{table}]{near}; allowed: {allowed}"
    if kind == "union_tag_invalid":
        tag, expected = context["tag"], context["expected_tags"]
        return (*key, "kind"), f"is {tag!r}{_near(tag, _quoted(expected))}; allowed: {expected}"
    if kind == "union_tag_not_found":
        return key, f"is {given!r}, but must be {_KINDS['model']}"
    if kind == "missing":
        return key, f"is missing: {_needs(key)}"
    if kind == "extra_forbidden":
        return key, _explain_unknown(key, survey)
    if kind == "literal_error":
        return (
            key,
            f"is {given!r}{_near(str(given), _quoted(context['expected']))}; allowed: {context['expected']}",
        )
    if kind == "string_pattern_mismatch":
        return key, f"is {given!r}; allowed: {_PATTERNS.get(key, context['pattern'])}"
    if kind == "value_error":
        reason = str(context["error"])
        return _said_once((*key, *_key_in(reason, key)), reason)
    if kind == "too_short":
        return key, f"is {given!r}, but must not be empty"
    if (family := kind.split("_")[0]) in _KINDS and kind.endswith(("_type", "_parsing", "_from_float")):
        return key, f"is {given!r}, but must be {_KINDS[family]}"
    return key, f"is {given!r}; {error['msg'].replace('Input should be', 'must be')}"


def _said_once(key: KeyPath, reason: str) -> tuple[KeyPath, str]:
    """Leave out the key if the reason begins with it."""
    full = ".".join(map(str, key))
    for name in (full, full.rpartition(".")[2]):
        if found := re.match(rf"{re.escape(name)}(?=[ .])", reason):
            return key, reason[found.end() :].lstrip(" ")
    return key, f": {reason}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _key_in(reason: str, table: KeyPath) -> KeyPath:
    """Return the first key of the table that the reason mentions, for a check of several keys."""
    model = model_at(table)
    words = re.findall(r"\w+", reason)
    return next(((word,) for word in words if model is not None and word in model.model_fields), ())


def _needs(key: KeyPath) -> str:
    model = model_at(key)
    if model is None:
        return "it must be set"
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    return f"write a table [{'.'.join(map(str, without_kind(key)))}] with {' and '.join(required)}"


def _explain_unknown(key: KeyPath, survey: object) -> str:
    """List the allowed keys, and say where this key may belong."""
    if key in RENAMED:
        return f"has a new name: {RENAMED[key]}"
    *table, name = key
    model = (
        find_survey(str(survey)).archive
        if table == ["archive"] and survey in offered(SURVEYS)
        else model_at(tuple(table))
    )
    allowed = list(model.model_fields) if model else []
    near = _near(str(name), allowed)
    homes = [home for home in _all_keys(Job) if home.rpartition(".")[2] == name]
    hint = near or (f" (did you mean {' or '.join(homes)}?)" if homes else "")
    where = f"[{'.'.join(map(str, without_kind(tuple(table))))}]" if table else "the job file"
    where += f" of kind {table[1]!r}" if without_kind(key) != key else ""
    return f"is not a key of {where}{hint}; allowed: {', '.join(allowed)}"


def _near(word: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, allowed)
    near.sort(key=lambda other: sorted(other) != sorted(word))  # swapped letters are the commonest mistake
    return f" (did you mean {near[0]!r}?)" if near else ""


def without_kind(key: KeyPath) -> KeyPath:
    """Leave out the kind that pydantic adds after `train`."""
    return (key[0], *key[2:]) if key[:1] == ("train",) and key[1:2] and key[1] in TRAINING_OF else key


def model_at(key: KeyPath) -> type[BaseModel] | None:
    """Return the model of the table at a key; None if the key holds a value."""
    model: type[BaseModel] | None = Job
    if key[:1] == ("train",) and key[1:2] and key[1] in TRAINING_OF:
        model, key = TRAINING_OF[str(key[1])], key[2:]
    elif key and key[0] not in Job.model_fields and key[0] in offered(STAGES):
        model, key = load(STAGES, str(key[0])).section, key[1:]
    names = iter(key)
    for name in names:
        info = model.model_fields.get(str(name)) if model else None
        model = _model_in(info.annotation) if info else None
        if info and get_origin(info.annotation) is Mapping:  # its tables have names chosen by the user
            next(names, None)
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    kinds = (annotation, *get_args(annotation), *(inner for part in get_args(annotation) for inner in get_args(part)))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _all_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield prefix + name
        if (inner := _model_in(info.annotation)) is not None:
            yield from _all_keys(inner, f"{prefix}{name}.")
