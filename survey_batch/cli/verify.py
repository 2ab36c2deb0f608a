"""`survey-batch verify`: find out whether what is stored is still what was written."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer

if TYPE_CHECKING:
    from survey_batch.integrity.faults import Fault

SHOWN = 20
"""Faults that are printed one by one; `--json` has all."""


def verify(
    job: JobFile,
    overrides: Overrides = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read all values too, which compares them with their checksums.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Restore metadata, plan and notes, and mark damaged shards, and what was made from them, as pending: "
            "the next run makes them again.",
        ),
    ] = False,
) -> None:
    """Check that what is stored is complete and still what was written; say what is wrong where.

    Checks metadata, shapes, statuses against the files that are there, the plan, counts and the classifier's files.
    Changes nothing without --repair. Exit code 0 if nothing is wrong, otherwise 1.

    Example: survey-batch verify jobs/lamost-types.toml --deep --repair
    """
    wanted = open_job(job, overrides)
    from survey_batch.integrity.verify import verify as verify_job

    shown = list[str]()

    def show(fault: "Fault") -> None:
        shown.append(str(fault))
        if len(shown) <= SHOWN:
            answer.show(Text.assemble(("wrong ", "bold red"), str(fault)))

    found = verify_job(wanted, deep=deep, repair=repair, say=show)
    answer.tell(found.as_dict())
    if len(shown) > SHOWN:
        answer.show(f"and {len(shown) - SHOWN:,} more (--json has all)")
    answer.note(found.notes)
    answer.show(*found.mended)
    answer.show(Text(str(found), style="red" if found.faults else "green"))
    if found.ok:
        return
    words = ["--repair", *(["--deep"] if deep else [])]
    answer.hint(command("run", job, overrides) if repair else command("verify", job, overrides, *words))
    raise typer.Exit(1)
