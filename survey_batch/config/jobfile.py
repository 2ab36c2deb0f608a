"""Reading a job file: TOML, `--set` overrides, and errors that name each key, its line and what is allowed."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from survey_batch.config.explain import Plugged, explain, model_at, without_misspelt
from survey_batch.config.job import Job
from survey_batch.config.sections.training import kind_in
from survey_batch.config.survey import find_survey
from survey_batch.config.toml_lines import KeyPath, locate_keys, parse
from survey_batch.config.unread import unread_in_file
from survey_batch.core.arguments import PATH, TEXTS, Kind, takes
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.redaction import HIDDEN, secret_in, without_query
from survey_batch.core.wording import counted

EXPANDED_KEYS: tuple[KeyPath, ...] = (
    ("output",),
    ("catalog", "path"),
    ("catalog", "match", "path"),
    ("archive", "root"),
    ("archive", "cache"),
    ("predictions", "classifier"),
)
"""Keys in which `$NAME` and `${NAME}` stand for environment variables, and `~/` for the home folder; so do the paths in
`[train]`."""

NO_LONGER = {
    "features": "has a new name: [spectral_features] for features of spectra, [image_features] for those of images",
    "tables": "is not a key of the job file: write the table of a stage at the top level, [name]",
}
"""Keys of earlier versions, and a name of `Job` that a file must not use; reported with all other problems."""

_SYNTAX_HINT = "text needs quotes, and quotes and brackets need closing"
_SYNTAX_HINTS = {
    "Cannot": "it is in the file already; write it once",
    "Unescaped": "write a path with \\ in single quotes, or with /",
}
"""What to do, by how an error of Python's TOML parser begins."""

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


UNSET = "names the environment variable {}, which is not set: export it"


def expanded(path: str) -> tuple[str, list[str]]:
    """Replace `$NAME` and `${NAME}` by environment variables; name those that are not set, which stay in the path.

    A `~` at the beginning becomes the home folder, as shells have it; where it is quoted, they leave it alone.
    """
    names = {first or second for first, second in _VARIABLE.findall(path)}
    known = _VARIABLE.sub(lambda found: os.environ.get(found[1] or found[2], found[0]), path)
    if known.startswith("~/"):
        known = str(Path(known).expanduser())
    return known, sorted(names - set(os.environ))


@takes(path=PATH, overrides=TEXTS)
def load_job(path: str | Path, overrides: Sequence[str] = ()) -> Job:
    """Read a job file.

    Relative paths in it are relative to the current directory, not to the file. `$NAME` and `${NAME}` in paths
    (`EXPANDED_KEYS`, and `paths` of the table `[train]`) are replaced by environment variables, and `~/` by the home
    folder.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        Texts `table.key=value` that replace keys; the value is TOML, or plain text if it is not valid TOML.

    Raises
    ------
    ConfigurationError
        The file is missing or not TOML, or keys are missing, unknown or have invalid values. The message lists all of
        them with line, full name and allowed values.
    """
    text = _read(Path(path))
    try:
        draft = _Draft(str(path), parse(text), parse(text), locate_keys(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(_explain_syntax(str(path), text, error)) from error
    for override in sorted(overrides, key=lambda text: not text.startswith("train.kind")):  # it decides what is text
        draft.override(override)
    draft.expand_variables()
    return draft.validated()


JOB = Kind("a job, or the path of its file", lambda value: isinstance(value, Job) or PATH.fits(value))
OUTPUT = Kind("a job, its output, or its file (.toml)", JOB.fits)


def job_of(job: Job | str | PathLike[str]) -> Job:
    """Return a job; one that is named by its file is read."""
    return job if isinstance(job, Job) else load_job(fspath(job))


def output_of(job: Job | str | PathLike[str]) -> str:
    """Return the output of a job, which may be named by its output or by its file (`.toml`)."""
    output = job.output if isinstance(job, Job) else fspath(job)
    return load_job(output).output if output.endswith(".toml") else output


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError as error:
        others = [other.stem for other in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.stem, others, n=1)  # with ".toml", any two short names would be close
        hint = f"; did you mean {path.with_name(near[0])}.toml?" if near else ""
        raise ConfigurationError(f"there is no job file {path}{hint}") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read job file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error


def _explain_syntax(path: str, text: str, error: tomllib.TOMLDecodeError) -> str:
    reason, _, position = str(error).partition(" (at ")
    if not position:
        return f"{path}: {reason}"
    line = re.match(r"line (\d+)", position)
    number = int(line.group(1)) if line else text.count("\n") + 1
    shown = "".join(text.splitlines()[number - 1 : number]).strip()
    hint = next((hint for begin, hint in _SYNTAX_HINTS.items() if reason.startswith(begin)), _SYNTAX_HINT)
    return f"{path}, line {number}: not valid TOML: {reason}: {hint}\n  {shown}"


@dataclass
class _Draft:
    """The job as read, the lines of its keys, and the problems so far."""

    path: str
    written: Mapping[str, Any]
    data: dict[str, Any]
    lines: dict[KeyPath, int]
    overridden: dict[KeyPath, str] = field(default_factory=dict)
    problems: list[tuple[int, str]] = field(default_factory=list)

    @property
    def plugged(self) -> Plugged:
        """What `[train]` and `[archive]` name; None where no installed package offers it."""
        classifier, survey, archive = None, None, self.data.get("archive")
        with suppress(ConfigurationError):
            classifier = kind_in(self.data.get("train"))
        with suppress(ConfigurationError):
            survey = find_survey(str(archive["survey"])) if isinstance(archive, dict) and "survey" in archive else None
        return Plugged(classifier, survey)

    def override(self, text: str) -> None:
        """Replace the key that a `--set` text names."""
        key, equals, value = text.partition("=")
        try:
            keys = _single_path(parse(f"{key} = 0")) if equals else ()
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
        as_it_is = _takes_text(keys, self.plugged) and not value.startswith(("'", '"'))
        table[keys[-1]] = value if as_it_is else _toml_value(value)
        self.overridden[keys] = text

    def expand_variables(self) -> None:
        """Replace environment variables in paths."""
        classifier = self.plugged.classifier
        paths = classifier.training.paths if classifier else ()
        for key in (*EXPANDED_KEYS, *(("train", name) for name in paths)):
            table: Any = self.data
            for name in key[:-1]:
                table = table.get(str(name)) if isinstance(table, dict) else None
            if not isinstance(table, dict) or not isinstance(value := table.get(str(key[-1])), str):
                continue
            table[str(key[-1])], unset = expanded(value)
            for name in unset:
                self._add(key, UNSET.format(name))

    def validated(self) -> Job:
        """Return the job, or raise an error that lists every problem."""
        for former in sorted(NO_LONGER.keys() & self.data.keys()):
            self._add((former,), NO_LONGER[former])
        data = {name: value for name, value in self.data.items() if name not in NO_LONGER}
        try:
            job = Job.model_validate(data)
        except ValidationError as error:
            for details in without_misspelt(error.errors(include_url=False), self.plugged):
                self._add(*explain(details, self.plugged))
        else:
            for name, reason in unread_in_file(job, data, self.written, self.overridden).items():
                self._add(name, f": {reason}")
        if self.problems:
            count = counted(len(self.problems), "problem")
            texts = [text for _, text in sorted(self.problems, key=lambda problem: problem[0])]
            raise ConfigurationError("\n".join([f"job file {self.path}: {count}", *(f"  {text}" for text in texts)]))
        return job

    def _add(self, key: KeyPath, reason: str) -> None:
        """Note a problem with the line of the key, or of its table, or with the `--set` that set it."""
        text = f"{'.'.join(map(str, key))}{'' if reason.startswith((':', '.')) else ' '}{reason}"
        for end in range(len(key), 0, -1):
            if (override := self.overridden.get(key[:end])) is not None:
                name, _, value = override.partition("=")
                shown = HIDDEN if secret_in(value.strip("\"'")) else without_query(value)
                self.problems.append((0, f"--set {name}={shown}: {text}"))
                return
            if (line := self.lines.get(key[:end])) is not None:
                self.problems.append((line, f"line {line}: {text}"))
                return
        self.problems.append((0, text.removeprefix(": ")))


def _single_path(table: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the path of keys through nested tables with one key each; () if a table has several."""
    (name, value), *others = table.items()
    rest = _single_path(value) if isinstance(value, dict) else ()
    return () if others else (name, *rest)


def _takes_text(key: KeyPath, plugged: Plugged) -> bool:
    """Tell whether a key holds text, so that `name=2026` need not be quoted twice for the shell."""
    model = model_at(key[:-1], plugged)
    info = model.model_fields.get(str(key[-1])) if model else None
    return info is not None and info.annotation in (str, str | None)


def _toml_value(text: str) -> Any:
    try:
        values = parse(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return values["value"] if len(values) == 1 else text
