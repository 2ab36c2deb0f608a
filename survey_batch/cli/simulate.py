"""`survey-batch simulate`: make an archive for trying things out."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from survey_batch.cli.completion import complete_simulated
from survey_batch.cli.facts import SimulateFacts
from survey_batch.cli.frame import command
from survey_batch.cli.output import answer
from survey_batch.core import steps
from survey_batch.core.errors import ConfigurationError

CATALOG_ALONE = "catalog"


def simulate(
    survey: Annotated[
        str,
        typer.Argument(
            help="An installed survey whose archive to imitate; or `catalog`, a catalogue alone.",
            autocompletion=complete_simulated,
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="Folder to make; becomes the archive's root.")],
    objects: Annotated[int, typer.Option(min=1, help="Objects in the catalogue.")] = 400,
    fields: Annotated[
        int | None, typer.Option(min=1, help="SDSS: adjacent fields of one run. FITS images: tiles.", show_default="4")
    ] = None,
    layout: Annotated[
        Literal["flat", "plan", "obsid"] | None, typer.Option(help="LAMOST: layout of folders.", show_default="flat")
    ] = None,
    exposures: Annotated[
        int | None, typer.Option(min=1, help="Stamps: exposures, each with a field of its own.", show_default="1")
    ] = None,
    seds: Annotated[
        Path | None, typer.Option(help="Stamps: photon spectra of the 13 classes (.npy); black bodies without it.")
    ] = None,
    offset: Annotated[
        float | None,
        typer.Option(min=0, help="Stamps: scatter of stars about the middle, in pixels.", show_default="0"),
    ] = None,
    flux_scatter: Annotated[
        float | None, typer.Option(min=0, help="Stamps: scatter of ln(flux).", show_default="0")
    ] = None,
    labelled: Annotated[
        float | None, typer.Option(min=0, max=1, help="Stamps: share of stars with a label.", show_default="1")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
) -> None:
    """Make a survey's archive, with the catalogue of its objects: real file structure, simulated sky.

    Example: survey-batch simulate sdss runs/archive --fields 4 --objects 800
    """
    steps.step(f"simulating {survey} in {folder}")
    given: dict[str, Any] = {}
    if survey == CATALOG_ALONE:
        from survey_batch.simulate.catalog import simulate_catalog

        made = simulate_catalog(folder / "catalog.parquet", objects=objects, seed=seed)
    else:
        make = _simulator(survey)
        options = {"fields": fields, "layout": layout, "exposures": exposures, "seds": seds, "offset": offset}
        options |= {"flux_scatter": flux_scatter, "labelled": labelled}
        given = {name: value for name, value in options.items() if value is not None}
        _refuse_others(survey, make, given)
        made = make(folder, objects=objects, seed=seed, **given)
    answer.tell(SimulateFacts(catalog=str(made)))
    answer.show(str(made))
    _hint(survey, folder, made, given)


def _hint(survey: str, folder: Path, made: Path, given: dict[str, Any]) -> None:
    """Name the commands that write a job file for what was made, and do the job."""
    from survey_batch.config.survey import find_survey
    from survey_batch.surveys import EXAMPLE

    used = EXAMPLE if survey == CATALOG_ALONE else survey
    root = [] if survey == CATALOG_ALONE else ["--root", str(folder)]
    keys = find_survey(used).place_keys()
    overrides = [f"archive.{name}={value}" for name, value in given.items() if name in keys]
    job = f"{used}-job.toml"
    verbs = ("catalog",) if survey == CATALOG_ALONE else ("plan", "run", "report")
    answer.hint(
        command("init", job, None, "--survey", used, "--catalog", str(made), *root),
        *(command(verb, job, overrides) for verb in verbs),
    )


def _simulator(survey: str) -> Callable[..., Path]:
    from survey_batch.config.survey import find_survey
    from survey_batch.core.plugins import resolve

    found = find_survey(survey).simulator
    if found is None:
        raise ConfigurationError(f"survey {survey!r} has no simulator")
    make: Callable[..., Path] = resolve(found)
    return make


def _refuse_others(survey: str, make: Callable[..., Path], given: dict[str, Any]) -> None:
    """Refuse options that the survey's simulator does not take."""
    if others := [name for name in given if name not in inspect.signature(make).parameters]:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise ConfigurationError(f"the simulator of survey {survey!r} does not take {names}: leave it out")
