"""Validation errors in plain words: the key at fault, its value and the allowed values."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from survey_batch.config.job import Job
from survey_batch.config.sections.training import TRAINING_OF
from survey_batch.config.toml_lines import KeyPath

_PATTERNS: Mapping[KeyPath, str] = {
    ("name",): "letters, digits, '.', '_' and '-', with a letter or digit first",
    ("frames", "bands"): "one to five of the letters u, g, r, i, z",
    ("composites", "bands"): 'three of the letters u, g, r, i, z, such as "irg"',
    ("composites", "pair"): 'three of the letters u, g, r, i, z, such as "zru"',
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


def explain(error: ErrorDetails) -> tuple[KeyPath, str]:
    """Turn a validation error into the key at fault and plain words."""
    key, kind, given = error["loc"], error["type"], error["input"]
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
        return key, _explain_unknown(key)
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
    """Leave out the key if the reason begins with it, or with its last parts."""
    for name in (".".join(map(str, key[start:])) for start in range(len(key))):
        if found := re.match(rf"{re.escape(name)}(?=[ .:])", reason):
            return key, reason[found.end() :].lstrip(" ")
    return key, f": {reason}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _key_in(reason: str, table: KeyPath) -> KeyPath:
    """Return the first key of the table, or of a table in it, that the reason mentions, for a check of several keys."""
    model = model_at(table)
    for found in re.finditer(r"(\w+)(?:\.(\w+))?", reason):
        for word, inner in ((found[1], found[2]), (found[2], None)):
            if model is not None and word in model.model_fields:
                within = model_at((*table, word))
                return (word, inner) if inner and within and inner in within.model_fields else (word,)
    return ()


def _needs(key: KeyPath) -> str:
    model = model_at(key)
    if model is None:
        return "it must be set"
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    return f"write a table [{'.'.join(map(str, without_kind(key)))}] with {' and '.join(required)}"


def _explain_unknown(key: KeyPath) -> str:
    """List the allowed keys, and say where this key may belong."""
    *table, name = key
    model = model_at(tuple(table))
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
