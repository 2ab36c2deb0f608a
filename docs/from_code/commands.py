"""Every verb of the command line with its options, from the command line itself."""

import re
from collections.abc import Iterator
from typing import Any

import typer

from docs.from_code.markdown import code, table
from survey_batch.cli import EXIT_CODES, make_app

MADE_BY_TYPER = ("help", "install_completion", "show_completion")


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield the verbs, each with its command, in the order of `--help`."""
    group: Any = typer.main.get_command(make_app())
    yield from group.commands.items()


def options(command: Any) -> Iterator[tuple[str, str, str]]:
    """Yield each argument and option of a command: how it is written, its text, its default."""
    for parameter in command.params:
        if parameter.name not in MADE_BY_TYPER:
            yield _written(parameter), parameter.help or "", _default(parameter)


def page() -> str:
    """Write the reference of the command line."""
    return "\n".join(_verb(name, command) for name, command in verbs())


def codes() -> str:
    """Write the table of exit codes."""
    return table(("code", "after any verb"), [(code(number), text) for number, text in EXIT_CODES.items()])


def _verb(name: str, command: Any) -> str:
    text = re.sub(r"(<\w+>[\w/.-]*)", r"`\1`", (command.help or "").strip())
    text = re.sub(r"(?m)^\s*Example: (.*)$", r"\n```shell\n\1\n```", text)
    rows = [(code(written), words, default) for written, words, default in options(command)]
    return "\n".join([f"(verb-{name})=", f"## `{name}`\n", text + "\n", table(("option", "", "default"), rows)])


def _written(parameter: Any) -> str:
    value = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return str(value)
    shown = (*parameter.opts, *(parameter.secondary_opts if parameter.default else ()))
    return ", ".join(shown) if parameter.is_flag else f"{', '.join(shown)} {value}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "must be given"
    if isinstance(parameter.show_default, str):
        return code(parameter.show_default)
    if getattr(parameter, "is_flag", False):
        return code(parameter.opts[0]) if parameter.default else ""
    return "" if parameter.default in (None, False, ()) else code(parameter.default)
