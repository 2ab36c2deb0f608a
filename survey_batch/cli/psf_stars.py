"""`survey-batch psf-stars`: the stars for building each field's PSF."""

from typing import Annotated

import typer

from survey_batch.cli.completion import complete_formats
from survey_batch.cli.facts import PsfStarsFacts
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer


def psf_stars(
    job: JobFile,
    overrides: Overrides = None,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Least confidence.")] = 0.5,
    most: Annotated[int, typer.Option(min=0, help="Maximum stars per field, the surest ones; 0 for all.")] = 0,
    size: Annotated[
        float,
        typer.Option(min=0, help="Largest relative difference of a star's size from the usual one; 0 for no limit."),
    ] = 0.15,
    least: Annotated[int, typer.Option(help="List the fields with fewer stars than this.")] = 10,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help="Files per field: any of fits, csv, assoc, region, separated by commas.",
            autocompletion=complete_formats,
        ),
    ] = "fits",
    folder: Annotated[str | None, typer.Option("--to", help="By default <output>/psf-stars.")] = None,
) -> None:
    """List the stars of each field that are fit for building its PSF, the surest first.

    x and y count pixels from 0 (numpy, photutils); X_IMAGE and Y_IMAGE from 1 (FITS, SExtractor, PSFEx, TRIPPy).

    Example: survey-batch psf-stars jobs/psf-stars.toml --threshold 0.9 --most 25 --format fits,assoc
    """
    from survey_batch.core.errors import ConfigurationError
    from survey_batch.core.paths import join
    from survey_batch.core.wording import counted
    from survey_batch.results.psf_stars import FOLDER, FORMATS, choose_psf_stars, write_psf_stars

    wanted = [name for name in FORMATS if name in formats.split(",")]
    if unknown := set(filter(None, formats.split(","))) - set(FORMATS):
        raise ConfigurationError(f"--format {','.join(sorted(unknown))}: unknown; choose from {', '.join(FORMATS)}")
    loaded = open_job(job, overrides)
    fields = choose_psf_stars(loaded, threshold, most, size)
    paths = [path for path, _ in write_psf_stars(fields, folder or join(loaded.output, FOLDER), wanted)]
    answer.tell(PsfStarsFacts(fields={one.name: one.stars.num_rows for one in fields}, files=paths))
    stars = sum(one.stars.num_rows for one in fields)
    answer.show(f"{counted(stars, 'star')} in {counted(len(fields), 'field')}; {paths[0]}")
    if few := [one.name for one in fields if one.stars.num_rows < least]:
        answer.show(f"fewer than {least} stars: {', '.join(few[:10])} ({counted(len(few), 'field')})")
