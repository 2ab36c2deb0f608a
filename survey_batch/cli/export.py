"""`survey-batch export`: the classified catalogue as Parquet or FITS."""

from pathlib import Path
from typing import Annotated

import typer

from survey_batch.cli.options import JobFile, Overrides, console


def export(
    job: JobFile,
    overrides: Overrides = None,
    to: Annotated[
        Path | None,
        typer.Option(help="A .parquet or .fits file; by default catalog.parquet in the output."),
    ] = None,
) -> None:
    """Join the results to the input catalogue by id: one row per input row, in its order.

    Example: survey-batch export jobs/lamost-types.toml --to types.fits
    """
    from survey_batch.export import export_catalog
    from survey_batch.jobfile import load_job

    path, rows = export_catalog(load_job(job, overrides or ()), str(to) if to else None)
    console.print(f"{path}: {rows:,} rows", soft_wrap=True)
