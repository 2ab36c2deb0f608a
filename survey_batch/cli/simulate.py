"""`survey-batch simulate`: make an archive for trying things out."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from survey_batch.cli.options import console


def simulate(
    survey: Annotated[
        Literal["sdss", "lamost", "stamps", "catalog"],
        typer.Argument(help="Which survey's archive to imitate; or a catalogue alone, of any length."),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to make; becomes the archive's root.")],
    objects: Annotated[int, typer.Option(min=1)] = 400,
    fields: Annotated[int, typer.Option(min=1, help="SDSS: adjacent fields of one run.")] = 4,
    layout: Annotated[Literal["flat", "plan", "obsid"], typer.Option(help="LAMOST: layout of folders.")] = "flat",
    exposures: Annotated[int, typer.Option(min=1, help="Stamps: exposures, each with a field of its own.")] = 1,
    seds: Annotated[
        Path | None, typer.Option(help="Stamps: photon spectra of the 13 classes (.npy); black bodies without it.")
    ] = None,
    offset: Annotated[float, typer.Option(min=0, help="Stamps: scatter of stars about the middle, in pixels.")] = 0.0,
    flux_scatter: Annotated[float, typer.Option(min=0, help="Stamps: scatter of ln(flux).")] = 0.0,
    labelled: Annotated[float, typer.Option(min=0, max=1, help="Stamps: share of stars with a label.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
) -> None:
    """Make an SDSS or LAMOST archive, or exposures of stamps, with the catalogue: real file structure, simulated sky.

    Example: survey-batch simulate sdss runs/archive --fields 4 --objects 800
    """
    from survey_batch.simulate import simulate_lamost, simulate_sdss
    from survey_batch.simulate.catalog import simulate_catalog
    from survey_batch.simulate.exposures import simulate_stamps

    if survey == "sdss":
        catalog = simulate_sdss(folder, fields=fields, objects=objects, seed=seed)
    elif survey == "catalog":
        catalog = simulate_catalog(folder / "catalog.parquet", objects=objects, seed=seed)
    elif survey == "stamps":
        catalog = simulate_stamps(
            folder,
            seds=seds,
            objects=objects,
            exposures=exposures,
            seed=seed,
            offset=offset,
            flux_scatter=flux_scatter,
            labelled=labelled,
        )
    else:
        catalog = simulate_lamost(folder, objects=objects, seed=seed, layout=layout)
    console.print(str(catalog), soft_wrap=True)
