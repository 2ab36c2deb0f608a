"""`survey-batch export`: the classified catalogue as Parquet or FITS."""

from typing import Annotated

import typer

from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, say


def export(
    job: JobFile,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option(help="A .parquet or .fits file, path or URL; by default catalog.parquet in the output."),
    ] = None,
) -> None:
    """Join the results to the input catalogue by id: one row per input row, in its order, even during a run.

    Reports data that the format cannot hold unchanged, and how it is written instead.

    Example: survey-batch export jobs/lamost-types.toml --to types.fits
    """
    wanted = open_job(job, overrides)
    from survey_batch.results.export import export_catalog

    notes: list[str] = []
    path, rows = export_catalog(wanted, to, notes.append)
    answer.tell({"file": path, "rows": rows, "notes": notes})
    answer.clear()
    for note in notes:
        say(f"note: {note}")
    answer.show(f"{path}: {rows:,} rows")
