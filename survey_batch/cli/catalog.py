"""`survey-batch catalog`: which objects a job takes, before anything is fetched."""

from typing import Annotated, Any

import typer
from rich.table import Table

from survey_batch.cli.options import AsJson, JobFile, Overrides, console, print_json, show_notes


def catalog(
    job: JobFile,
    overrides: Overrides = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FOLDER", help="Where to write; by default the job's output.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read a job's catalogue as a run would: select, leave out duplicates, sample and split. Nothing is fetched.

    Writes <output>/catalog/objects.parquet, summary.csv, summary.json and catalog.png.

    Example: survey-batch catalog jobs/thesis-set-1.toml --set catalog.sample.per_class=2000
    """
    from survey_batch.catalog import read_catalog
    from survey_batch.catalog.detected import object_catalog
    from survey_batch.catalog.output import summary, summary_rows, write_catalog
    from survey_batch.config.jobfile import load_job
    from survey_batch.core.paths import join

    loaded = load_job(job, overrides or ())
    chosen = read_catalog(object_catalog(loaded), loaded.archive)
    paths = write_catalog(chosen, join(output or loaded.output, "catalog"))
    if as_json:
        print_json(summary(chosen) | {"files": paths})
        return
    _show(summary_rows(chosen.counts), chosen.notes)
    console.print(f"wrote {', '.join(paths)}", soft_wrap=True)


def _show(rows: list[dict[str, Any]], notes: tuple[str, ...]) -> None:
    show_notes(notes)
    table = Table("class", box=None)
    for step in list(rows[0])[1:]:
        table.add_column(step, justify="right")
    for row in rows:
        values = [value if isinstance(value, str) else f"{value:,}" for value in row.values()]
        table.add_row(*values, style="bold" if row is rows[-1] else None)
    console.print(table)
