"""Arguments and options that several verbs share."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

JobFile = Annotated[Path, typer.Argument(metavar="JOB.toml", help="The job file.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the job file: --set shards.objects=256"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

# Printed text has users' own names and paths: `runs/[new]` is not markup, `:star:` not a picture.
console = Console(markup=False, emoji=False, highlight=False)
"""Results go to standard output."""

error_console = Console(stderr=True, markup=False, emoji=False, highlight=False)
"""Progress and messages go to standard error."""


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    json.dump(value, sys.stdout, indent=2, default=str)
    sys.stdout.write("\n")


def say(text: str) -> None:
    """Report progress on standard error, apart from the results."""
    error_console.print(text, soft_wrap=True)


def show_notes(notes: Iterable[str]) -> None:
    """Print notes on standard output."""
    for note in notes:
        console.print(Text.assemble(("note", "yellow"), f" {note}"), soft_wrap=True)
