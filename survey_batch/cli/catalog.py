"""`survey-batch catalog`: which objects a job takes, before anything is fetched."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from survey_batch.cli.facts import CatalogFiles
from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from survey_batch.config.job import CatalogSection, Job


def catalog(
    job: JobFile,
    overrides: Overrides = None,
    output: Annotated[
        str | None, typer.Option("--output", metavar="FOLDER", help="Where to write; by default the job's output.")
    ] = None,
) -> None:
    """Read a job's catalogue as a run would: select, leave out duplicates, sample and split. Nothing is fetched.

    Writes <output>/catalog/objects.parquet, summary.csv, summary.json and catalog.png.

    Example: survey-batch catalog jobs/thesis-set-1.toml --set catalog.sample.per_class=2000
    """
    loaded = open_job(job, overrides)
    from survey_batch.catalog import read_catalog
    from survey_batch.catalog.detected import object_catalog
    from survey_batch.catalog.output import summary, summary_rows, write_catalog
    from survey_batch.core.paths import join
    from survey_batch.training.needs import refused_training

    chosen = read_catalog(object_catalog(loaded), loaded.archive)
    paths = write_catalog(chosen, join(output or loaded.output, "catalog"))
    notes = [*chosen.notes, *_label_hint(object_catalog(loaded), loaded), *refused_training(loaded)]
    answer.tell({**summary(chosen), **CatalogFiles(files=paths), "notes": notes})
    answer.note(notes)
    answer.show(_table(summary_rows(chosen.counts)), f"wrote {', '.join(paths)}")
    answer.hint(command("plan", job, overrides))


def _label_hint(section: "CatalogSection", job: "Job") -> "Iterator[str]":
    """Yield a note if no label is chosen although a column looks like a class."""
    from survey_batch.catalog.labels import class_columns
    from survey_batch.catalog.opening import open_catalog

    if section.label is not None or "label" in (opened := open_catalog(section, job.archive)).names:
        return
    if found := class_columns(opened.source.names):
        made = ', or "mk_class" or "spectral_type", made of both' if len(found) > 1 and found[1] == "subclass" else ""
        looks = f"columns {' and '.join(map(repr, found))} look" if len(found) > 1 else f"column {found[0]!r} looks"
        yield f'{looks} like classes, and no label is chosen: [catalog] label = "{found[0]}"{made}'


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("class", box=None)
    for step in list(rows[0])[1:]:
        table.add_column(step, justify="right")
    for row in rows:
        values = [value if isinstance(value, str) else f"{value:,}" for value in row.values()]
        table.add_row(*values, style="bold" if row is rows[-1] else None)
    return table
