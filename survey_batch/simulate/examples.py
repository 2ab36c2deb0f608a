"""Small finished runs of a simulated sky, for the notebooks and for trying things out."""

from pathlib import Path
from typing import Any

from survey_batch.config.job import Job
from survey_batch.execution.runner import run
from survey_batch.models.awaited import without_predictions
from survey_batch.simulate.lamost import simulate_lamost
from survey_batch.simulate.sdss import simulate_sdss
from survey_batch.training.train import train

DAMAGED = 7
"""Every so many files of a damaged archive are missing, and as many are cut short."""


def example_spectra(folder: str | Path = "example-run", objects: int = 240) -> str:
    """Make a run with spectra, features, a classifier of spectral types, and its predictions.

    Parameters
    ----------
    folder
        Where archive, classifier and output go. If they are there, nothing is done again.
    objects
        Number of spectra.

    Returns
    -------
    str
        The output, to be given to `survey_batch.open`.
    """
    job = spectra_job(folder)
    if not Path(job.catalog.path).exists():
        simulate_lamost(Path(job.catalog.path).parent, objects=objects)
    run(without_predictions(job))
    if not (Path(str(job.predictions and job.predictions.classifier)) / "manifest.json").exists():
        train(job)
    run(job)
    return job.output


def example_images(folder: str | Path = "example-run", objects: int = 240) -> str:
    """Make a run with cutouts, colour images and features; arguments and result as of `example_spectra`."""
    root = Path(folder) / "sdss"
    if not (root / "sources.csv").exists():
        simulate_sdss(root, fields=2, objects=objects)
    job = Job.model_validate(
        {
            "name": "example-images",
            "output": str(Path(folder) / "images"),
            "stages": ["frames", "cutouts", "composites", "features"],
            "catalog": {"path": str(root / "sources.csv"), "label": "class", "split": {}},
            "archive": {"survey": "sdss", "root": str(root)},
            "cutouts": {"ivar": True},
            "shards": {"objects": 64},
        }
    )
    run(job)
    return job.output


def example_problems(folder: str | Path = "example-run", objects: int = 120) -> str:
    """Make a run of spectra of an archive in which files are missing or cut short; as `example_spectra`."""
    root = Path(folder) / "damaged"
    if not (root / "catalog.csv").exists():
        simulate_lamost(root, objects=objects, seed=2)
        for number, path in enumerate(sorted(root.rglob("*.fits.gz"))):
            if number % DAMAGED == 1:
                path.unlink()
            elif number % DAMAGED == 3:
                path.write_bytes(path.read_bytes()[:2000])
    keys = spectra_job(folder).model_dump(exclude={"train", "predictions"})
    keys |= {"name": "example-problems", "output": str(Path(folder) / "problems"), "stages": ["spectra", "features"]}
    keys["catalog"] |= {"path": str(root / "catalog.csv")}
    keys["archive"] |= {"root": str(root)}
    job = Job.model_validate(keys)
    run(job)
    return job.output


def spectra_job(folder: str | Path = "example-run") -> Job:
    """Make the job of `example_spectra`."""
    root, model = Path(folder) / "lamost", str(Path(folder) / "spectral-types")
    keys: dict[str, Any] = {
        "name": "example-spectra",
        "output": str(Path(folder) / "spectra"),
        "stages": ["spectra", "features", "predictions"],
        "catalog": {"path": str(root / "catalog.csv"), "label": "spectral_type", "split": {}},
        "archive": {"survey": "lamost", "root": str(root), "layout": "flat"},
        "train": {"classifier": model, "variant": "lines", "members": 1, "epochs": 60},
        "predictions": {"classifier": model},
        "shards": {"objects": 64},
    }
    return Job.model_validate(keys)
