"""`survey-batch export`: the classified catalogue as a file of many formats, or a folder of pictures."""

from typing import Annotated, Literal

import typer

from survey_batch.cli.completion import complete_columns
from survey_batch.cli.facts import ExportFacts
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer, say
from survey_batch.core.errors import ConfigurationError


def export(
    job: JobFile,
    overrides: Overrides = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="A file .parquet, .fits, .vot, .xml or .csv, or a folder .hats: a path or URL. The default is "
            "catalog.parquet in the output; for pictures, the folder pictures there."
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="COLUMNS",
            help="Add label, split, reason, outlier, neighbours, or columns of a product: label,split or "
            "features='psf_*,colour_*'. Can be repeated.",
            autocompletion=complete_columns,
        ),
    ] = None,
    pictures: Annotated[
        Literal["png", "jpeg", "fits"] | None,
        typer.Option(
            help="Instead of the catalogue, write the composite, cutout or stamp of each object as "
            "<to>/<split>/<label>/<object_id>.png, for trainers of image classifiers. FITS: cutouts with all bands and "
            "their WCS."
        ),
    ] = None,
) -> None:
    """Join the results to the input catalogue by id: one row per input row, in its order, even during a run.

    Reports data that the format cannot hold unchanged, and how it is written instead.

    Example: survey-batch export jobs/lamost-types.toml --to types.fits --with label,split

    Example: survey-batch export jobs/sdss-cutouts.toml --pictures png --to stars
    """
    wanted = open_job(job, overrides)
    notes: list[str] = []
    if pictures:
        from survey_batch.notebook.picture_folder import write_pictures

        if with_:
            raise ConfigurationError("--with adds columns to the catalogue, and --pictures writes none: leave one out")
        path, count = write_pictures(wanted.output, pictures, to, notes.append)
        facts = ExportFacts(folder=path, pictures=count, notes=notes)
    else:
        from survey_batch.results.export import export_catalog

        path, count = export_catalog(wanted, to, notes.append, with_ or ())
        facts = ExportFacts(file=path, rows=count, notes=notes)
    answer.tell(facts)
    answer.clear()
    for note in notes:
        say(f"note: {note}")
    answer.show(f"{path}: {count:,} {'pictures' if pictures else 'rows'}")
