"""Reading a job file: TOML, `--set` overrides, and errors that name each key, its line and what is allowed."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.sections.training import TRAINING_OF
from survey_batch.toml_lines import KeyPath, locate_keys
from survey_batch.unread import unread_in_file

EXPANDED_KEYS: tuple[KeyPath, ...] = (
    ("output",),
    ("catalog", "path"),
    ("archive", "root"),
    ("archive", "cache"),
    ("predictions", "classifier"),
    ("train", "classifier"),
    ("train", "templates"),
    ("train", "checkpoint"),
    ("train", "magnitudes"),
    ("train", "psf_model"),
    ("train", "seds"),
)
"""Keys in which `$NAME` and `${NAME}` stand for environment variables."""

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
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


def load_job(path: str | Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file.

    Relative paths in it are relative to the current directory, not to the file. `$NAME` and `${NAME}` in paths
    (`EXPANDED_KEYS`) are replaced by environment variables.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        Texts `table.key=value` that replace keys; the value is TOML, or text where it is no TOML.

    Raises
    ------
    ConfigurationError
        The file is missing or is no TOML, or keys are missing, unknown or hold what they may not: all of them are
        listed, with line, full name and what is allowed.
    """
    text = _read(Path(path))
    try:
        draft = _Draft(str(path), tomllib.loads(text), tomllib.loads(text), locate_keys(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(_explain_syntax(str(path), text, error)) from error
    for override in overrides:
        draft.override(override)
    draft.expand_variables()
    return draft.validated()


def dump_job(job: Job) -> dict[str, Any]:
    """Return a job as JSON types, with every default filled in."""
    return job.model_dump(mode="json")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        others = [other.name for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, others, n=1)
        hint = f"; did you mean {path.with_name(near[0])}?" if near else ""
        raise ConfigurationError(f"there is no job file {path}{hint}") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read job file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def _explain_syntax(path: str, text: str, error: tomllib.TOMLDecodeError) -> str:
    reason, _, place = str(error).partition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = int(line.group(1)) if line else text.count("\n") + 1
    shown = "".join(text.splitlines()[number - 1 : number]).strip()
    hint = ": text needs quotes, and quotes and brackets need closing"
    return f"{path}, line {number}: not valid TOML: {reason}{hint}\n  {shown}"


@dataclass
class _Draft:
    """The job as read, where its keys stand, and what is wrong so far."""

    path: str
    written: Mapping[str, Any]
    data: dict[str, Any]
    lines: dict[KeyPath, int]
    overridden: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    def override(self, text: str) -> None:
        """Replace the key that a `--set` text names."""
        key, equals, value = text.partition("=")
        try:
            keys = _single_path(tomllib.loads(f"{key} = 0")) if equals else ()
        except tomllib.TOMLDecodeError:
            keys = ()
        if not keys:
            self.problems.append((0, f"--set {text}: write it as table.key=value"))
            return
        table = self.data
        for name in keys[:-1]:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                self.problems.append((0, f"--set {text}: {name!r} is a value, not a table with keys"))
                return
        table[keys[-1]] = value if _takes_text(keys) and not value.startswith(("'", '"')) else _toml_value(value)
        self.overridden[keys] = text

    def expand_variables(self) -> None:
        """Put environment variables into paths."""
        for key in EXPANDED_KEYS:
            table = self.data if len(key) == 1 else self.data.get(str(key[0]))
            if not isinstance(table, dict) or not isinstance(value := table.get(str(key[-1])), str):
                continue
            names = {first or second for first, second in _VARIABLE.findall(value)}
            for name in sorted(names - set(os.environ)):
                self._add(key, f"names the environment variable {name}, which is not set: export it")
            table[str(key[-1])] = _VARIABLE.sub(lambda found: os.environ.get(found[1] or found[2], found[0]), value)

    def validated(self) -> Job:
        """Return the job, or raise with every problem."""
        try:
            job = Job.model_validate(self.data)
        except ValidationError as error:
            for details in error.errors(include_url=False):
                key, reason = _explain(details)
                self._add(_without_kind(key), reason)
        else:
            for name, reason in unread_in_file(job, self.data, self.written, self.overridden).items():
                self._add(name, f": {reason}")
        if self.problems:
            count = f"{len(self.problems)} problem{'s' * (len(self.problems) > 1)}"
            texts = [text for _, text in sorted(self.problems, key=lambda problem: problem[0])]
            raise ConfigurationError("\n".join([f"job file {self.path}: {count}", *(f"  {text}" for text in texts)]))
        return job

    def _add(self, key: KeyPath, reason: str) -> None:
        """Note a problem under the key's line, or that of the table it belongs to, or the `--set` it came by."""
        text = f"{'.'.join(map(str, key))}{'' if reason.startswith(':') else ' '}{reason}"
        for end in range(len(key), 0, -1):
            if (override := self.overridden.get(key[:end])) is not None:
                self.problems.append((0, f"--set {override}: {text}"))
                return
            if (line := self.lines.get(key[:end])) is not None:
                self.problems.append((line, f"line {line}: {text}"))
                return
        self.problems.append((0, text.removeprefix(": ")))


def _single_path(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys on the way down a table of one key per level."""
    (name, value), *others = table.items()
    rest = _single_path(value) if isinstance(value, dict) else ()
    return () if others else (name, *rest)


def _takes_text(key: KeyPath) -> bool:
    """Tell whether a key holds text, so that `name=2026` need not be quoted twice for the shell."""
    models = TRAINING_OF.values() if key[:-1] == ("train",) else [_model_at(key[:-1])]
    infos = [model.model_fields.get(str(key[-1])) for model in models if model]
    return any(info is not None and info.annotation in (str, str | None) for info in infos)


def _toml_value(text: str) -> Any:
    try:
        values = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return values["value"] if len(values) == 1 else text


def _explain(error: ErrorDetails) -> tuple[KeyPath, str]:
    """Turn a validation error into the key at fault and plain words."""
    key, kind, given = error["loc"], error["type"], error["input"]
    context = error.get("ctx", {})
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
        return (*key, *_key_in(reason, key)), f": {reason}"
    if (family := kind.split("_")[0]) in _KINDS and kind.endswith(("_type", "_parsing", "_from_float")):
        return key, f"is {given!r}, but must be {_KINDS[family]}"
    return key, f"is {given!r}; {error['msg'].replace('Input should be', 'must be')}"


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _key_in(reason: str, table: KeyPath) -> KeyPath:
    """Return the first key of the table that the reason of a check of several keys mentions."""
    model = _model_at(table)
    words = re.findall(r"\w+", reason)
    return next(((word,) for word in words if model is not None and word in model.model_fields), ())


def _needs(key: KeyPath) -> str:
    model = _model_at(key)
    if model is None:
        return "it must be set"
    required = [name for name, info in model.model_fields.items() if info.is_required()]
    return f"write a table [{'.'.join(map(str, _without_kind(key)))}] with {' and '.join(required)}"


def _explain_unknown(key: KeyPath) -> str:
    """Say which keys there are, and where this one may belong."""
    *table, name = key
    model = _model_at(tuple(table))
    allowed = list(model.model_fields) if model else []
    near = _near(str(name), allowed)
    homes = [home for home in _all_keys(Job) if home.rpartition(".")[2] == name]
    hint = near or (f" (did you mean {' or '.join(homes)}?)" if homes else "")
    where = f"[{'.'.join(map(str, _without_kind(tuple(table))))}]" if table else "the job file"
    where += f" of kind {table[1]!r}" if _without_kind(key) != key else ""
    return f"is not a key of {where}{hint}; allowed: {', '.join(allowed)}"


def _near(word: str, allowed: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, allowed)
    near.sort(key=lambda other: sorted(other) != sorted(word))  # letters that changed places are the commonest slip
    return f" (did you mean {near[0]!r}?)" if near else ""


def _without_kind(key: KeyPath) -> KeyPath:
    """Leave out the kind that pydantic puts behind `train`."""
    return (key[0], *key[2:]) if key[:1] == ("train",) and key[1:2] and key[1] in TRAINING_OF else key


def _model_at(key: KeyPath) -> type[BaseModel] | None:
    """Model of the table at a key, None where there is a value."""
    model: type[BaseModel] | None = Job
    if key[:1] == ("train",) and key[1:2] and key[1] in TRAINING_OF:
        model, key = TRAINING_OF[str(key[1])], key[2:]
    names = iter(key)
    for name in names:
        info = model.model_fields.get(str(name)) if model else None
        model = _model_in(info.annotation) if info else None
        if info and get_origin(info.annotation) is Mapping:  # its tables have names of the user's own
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
