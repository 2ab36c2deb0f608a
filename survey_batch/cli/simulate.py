"""`survey-batch simulate`: make an archive to try things on."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from survey_batch.cli.options import console


def simulate(
    survey: Annotated[
        Literal["sdss", "lamost", "catalog"],
        typer.Argument(help="Which survey's archive to imitate; or a catalogue alone, of any length."),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to make; becomes the archive's root.")],
    objects: Annotated[int, typer.Option(min=1)] = 400,
    fields: Annotated[int, typer.Option(min=1, help="SDSS: adjacent fields of one run.")] = 4,
    layout: Annotated[Literal["flat", "plan", "obsid"], typer.Option(help="LAMOST: layout of folders.")] = "flat",
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
) -> None:
    """Make an SDSS or LAMOST archive with its catalogue: real file structure, simulated sky.

    Example: survey-batch simulate sdss runs/archive --fields 4 --objects 800
    """
    from survey_batch.simulate import simulate_lamost, simulate_sdss
    from survey_batch.simulate.catalog import simulate_catalog

    if survey == "sdss":
        catalog = simulate_sdss(folder, fields=fields, objects=objects, seed=seed)
    elif survey == "catalog":
        catalog = simulate_catalog(folder / "catalog.parquet", objects=objects, seed=seed)
    else:
        catalog = simulate_lamost(folder, objects=objects, seed=seed, layout=layout)
    console.print(str(catalog), highlight=False, soft_wrap=True)
