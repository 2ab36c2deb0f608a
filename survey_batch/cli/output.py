"""What a verb answers: text for people, or with `--json` one object for programs; one module for all verbs."""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from survey_batch.core.redaction import redacted, redacted_values

if TYPE_CHECKING:
    from survey_batch.cli.display import StepDisplay


PIPE_COLUMNS = 10_000
"""Where nobody looks at the width: longer than any row of a table."""


def _console(*, stderr: bool) -> Console:
    """Make a console that moves the cursor on terminals alone, also where FORCE_COLOR asks for colours in a pipe.

    Printed text has users' own names and paths: `runs/[new]` is not markup, `:star:` not a picture. In a pipe a row of
    a table is one line, so that paths stay whole and `grep` finds them.
    """
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(
        stderr=stderr,
        width=None if terminal or "COLUMNS" in os.environ else PIPE_COLUMNS,
        force_interactive=None if terminal else False,
        markup=False,
        emoji=False,
        highlight=False,
    )


console = _console(stderr=False)
"""Results go to standard output."""

error_console = _console(stderr=True)
"""Progress and messages go to standard error."""


class Answer:
    """The answer of the verb that runs.

    A verb shows its result in words and tells it as facts: without `--json` the words are printed as they come, with it
    the facts are printed at the end. Neither shows credentials.

    Attributes
    ----------
    as_json : bool
        Whether a program asks.
    facts : dict
        What was told so far.
    display : StepDisplay or None
        The line with the current step, which makes room for the result.
    """

    def __init__(self) -> None:
        self.display: StepDisplay | None = None
        self.begin(as_json=False)

    def begin(self, *, as_json: bool) -> None:
        """Forget the answer of another verb."""
        self.as_json, self.facts = as_json, dict[str, Any]()

    def show(self, *parts: RenderableType) -> None:
        """Print a part of the result in words; texts are not broken into lines, so that paths stay whole."""
        self.clear()
        for part in () if self.as_json else parts:
            part = redacted(part) if isinstance(part, str) else part
            with nullcontext() if console.is_interactive else console.capture() as captured:
                console.print(part, soft_wrap=isinstance(part, str | Text))
            if captured is not None:  # a table fills each line with blanks up to the longest reason
                console.file.write(re.sub(r" +$", "", captured.get(), flags=re.MULTILINE))
                console.file.flush()

    def clear(self) -> None:
        """Take the line with the current step away."""
        if self.display:
            self.display.clear()

    def note(self, notes: Iterable[str]) -> None:
        """Print notes among the result."""
        self.show(*(Text.assemble(("note:", "yellow"), f" {redacted(note)}") for note in notes))

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Add facts to the result."""
        self.facts |= facts

    def hint(self, *commands: str) -> None:
        """Say which commands come next, each on a line of its own to copy."""
        self.tell({"next": list(commands)})
        self.clear()
        if not self.as_json:
            say("\n".join(f"{'next:' if command is commands[0] else '':5} {command}" for command in commands))

    def fail(self, kind: str, message: str) -> None:
        """Say why the verb ends; without `--json` whoever raised the error has printed the message."""
        self.tell({"error": {"kind": kind, "message": message}})

    def end(self) -> None:
        """Print the facts, if a program asks."""
        if self.as_json and self.facts:
            typer.echo(json.dumps(redacted_values(self.facts), indent=2, default=lambda other: redacted(str(other))))


answer = Answer()
"""The answer of the verb that runs in this process."""


def say(text: str) -> None:
    """Print a message on standard error, apart from the results."""
    error_console.print(redacted(text), soft_wrap=True)
