"""A classifier that does not exist yet, because the job's table [train] is still to make it."""

from pathlib import Path

from survey_batch.config.job import Job
from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.loading import family_of
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.spectra.grid import STEP


def is_awaited(job: Job) -> bool:
    """Tell whether the job predicts with a classifier that its table [train] is still to make."""
    return "predictions" in job.stages and job.predictions is not None and awaits(job.predictions.classifier, job.train)


def awaits(folder: str, train: TrainingSection | None) -> bool:
    """Tell whether a table [train] is still to make the classifier of a folder."""
    return train is not None and train.classifier == folder and not (Path(folder) / MANIFEST).exists()


def other_answers(manifest: Manifest, section: TrainingSection) -> str:
    """Say how a classifier's answers differ from what a table [train] asks for; "" if they do not."""
    quantities = family_of(section.kind, section.variant).quantities_of(section)
    there, wanted = ([one.column for one in each] for each in (manifest.quantities, quantities))
    if sorted(there) != sorted(wanted):
        return f"columns {', '.join(there)}; train.columns says {', '.join(wanted)}"
    if isinstance(section, EmbeddingTraining) and manifest.dimensions != section.dimensions:
        return f"{counted(manifest.dimensions, 'dimension')}; train.dimensions says {section.dimensions}"
    return ""


def before_training(job: Job) -> Job:
    """Return the part of a job that runs before its classifier is trained.

    Raises
    ------
    ConfigurationError
        No stage makes the product that the classifier is trained on.
    """
    check_training(job)
    return without_predictions(job)


def without_predictions(job: Job) -> Job:
    """Return the job without its predictions and the custom stages that use them."""
    later = {"predictions"}
    for name in job.stages:
        if name in job.custom and job.custom[name].input in later:
            later.add(name)
    left = {
        "stages": tuple(name for name in job.stages if name not in later),
        "custom": {name: section for name, section in job.custom.items() if name not in later},
        "predictions": None,
        "cluster": job.cluster.model_copy(update={"gpu": None}),
    }
    return job.model_copy(update=left)


def check_training(job: Job) -> None:
    """Refuse a table [train] if no stage makes the product to train on, or with a step that the kind cannot use.

    Raises
    ------
    ConfigurationError
        Names the product, and says what to do.
    """
    if job.train is None:
        return
    check_step(job)
    product = family_of(job.train.kind, job.train.variant).product_of(job.train)
    before = job.stages[: job.stages.index("predictions")] if "predictions" in job.stages else job.stages
    if product not in before:
        possible = product in job.kinds
        advice = f"add {product!r} to stages" if possible else "set another train.kind"
        raise ConfigurationError(
            f"train.kind {job.train.kind!r}, variant {job.train.variant!r}, is trained on the product {product!r}, "
            f"which the job does not make (survey {job.archive.survey!r}, stages {list(before)}); {advice}"
        )


def check_step(job: Job) -> None:
    """Refuse a table [train] whose kind of classifier cannot work on spectra with the job's step.

    Raises
    ------
    ConfigurationError
        Names the kind, and says what to do.
    """
    if job.train is None or job.spectra.step == STEP:
        return
    if family_of(job.train.kind, job.train.variant).default_step:
        raise ConfigurationError(
            f"train.kind {job.train.kind!r}, variant {job.train.variant!r}, works on spectra in steps of {STEP:g} dex, "
            f"and spectra.step is {job.spectra.step:g}: leave spectra.step out, or set train.kind to 'table', "
            "'quantities' or 'spectrum-embedding'"
        )
