"""`survey-batch export`: the classified catalogue as a file of many formats."""

from typing import Annotated

import typer

from survey_batch.cli.completion import complete_columns
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, say


def export(
    job: JobFile,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="A file .parquet, .fits, .vot, .xml or .csv, or a folder .hats: a path or URL. The default is "
            "catalog.parquet in the output."
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="COLUMNS",
            help="Add label, split, reason, or columns of a product: label,split or features='psf_*,colour_*'. "
            "Can be repeated.",
            autocompletion=complete_columns,
        ),
    ] = None,
) -> None:
    """Join the results to the input catalogue by id: one row per input row, in its order, even during a run.

    Reports data that the format cannot hold unchanged, and how it is written instead.

    Example: survey-batch export jobs/lamost-types.toml --to types.fits --with label,split
    """
    wanted = open_job(job, overrides)
    from survey_batch.results.export import export_catalog

    notes: list[str] = []
    path, rows = export_catalog(wanted, to, notes.append, with_ or ())
    answer.tell({"file": path, "rows": rows, "notes": notes})
    answer.clear()
    for note in notes:
        say(f"note: {note}")
    answer.show(f"{path}: {rows:,} rows")
