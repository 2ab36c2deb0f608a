"""Training of a classifier on a job's product, beside the baselines it has to beat."""

import logging
from collections.abc import Callable
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from survey_batch.config.job import Job
from survey_batch.config.jobfile import JOB, job_of
from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.arguments import takes
from survey_batch.core.environment import compute_like_a_worker
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import step
from survey_batch.core.threads import one_thread
from survey_batch.core.wording import counted, duration
from survey_batch.models.awaited import check_step, check_training
from survey_batch.models.base import Classifier
from survey_batch.models.classes import classes_among
from survey_batch.models.cross_validation import (
    FamilyFit,
    hold_out,
    out_of_fold,
    patient,
    possible_folds,
)
from survey_batch.models.fitted import predict_rows, valid_rows_of
from survey_batch.models.fitting import Workspace
from survey_batch.models.judging import judge_of_model
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of
from survey_batch.models.manifest import MANIFEST
from survey_batch.models.prior import stated_shares
from survey_batch.models.workspace import opened, settings_fingerprint, trained_once, write_folder
from survey_batch.preflight.provenance import check_made_by
from survey_batch.store.products import product_exists
from survey_batch.training.evaluation import cross_validate, scores_of_split
from survey_batch.training.labelled_rows import read_labelled
from survey_batch.training.needs import check_labels, train_table
from survey_batch.training.unlabelled import train_unlabelled

Report = Callable[[str], None]

CALIBRATION_FOLDS = 5
"""Inner folds of the training split that calibrate the answers, if no objects are held out."""

CALIBRATION = "temperature"
"""Folder in the workspace for the predictions of these folds."""

log = logging.getLogger(__name__)


@one_thread()
@takes(job=JOB)
def train(job: Job | str | PathLike[str], progress: Report = log.info, report: Report | None = None) -> dict[str, Any]:
    """Train the classifier of the job's table [train] and write its folder.

    The model is trained on split `train`. Its temperature, or the scale of its errors, is fitted on split `validation`
    or, without one, on out-of-fold predictions within `train`. The scores under `test` are of split `test`, which is
    not used in training. If `train.folds` is set, all labelled objects are also predicted by cross-validation: more
    objects make the scores more certain. A stopped training resumes from `<classifier>.training`: from the network's
    last checkpoint, or with the trained classifier and the folds that are done.

    Parameters
    ----------
    job
        A job, or its file, that has run the stage of the product that this kind of classifier reads.
    progress
        Called with a sentence about each step.
    report
        Called with how far a step is, such as the loss after an epoch; by default the same as `progress`.

    Returns
    -------
    dict
        The scores, as in `metrics.json`; `describe` puts them in words.

    Raises
    ------
    ConfigurationError
        The job has no table [train], or its product has no usable rows to train or test on.
    PlanMismatchError
        The product was made with another catalogue, other labels, another split or other settings than the job's.
    """
    job = job_of(job)
    section = train_table(job, predict=False)
    family = family_of(section.kind, section.variant)
    compute_like_a_worker()
    family.check_environment()
    check_step(job)
    if not product_exists(job.output, family.product_of(section)):
        check_training(job)
    check_labels(job)
    check_made_by(job, family.product_of(section))
    step(f"reading {family.product_of(section)}")
    if isinstance(section, EmbeddingTraining):
        return train_unlabelled(job, section, family, progress, report or progress)
    quantities = family.quantities_of(section)
    data = read_labelled(
        job,
        family.product_of(section),
        family.variables_of(section),
        family.only_classes,
        needed=family.needs_labels,
        quantities=quantities,
    )
    _check_splits(job, data, needed=family.needs_labels)
    classes: tuple[str, ...] = ()
    left_out: dict[str, Any] = {}
    if not quantities:
        data, classes, left_out = _learnable(family, data, section, progress)
    parts = {name: data.of_split(name) for name in ("train", "validation", "test")}
    training = {**_training_record(data, parts), **left_out}
    section = _without_patience(job, section, progress)
    parts = _with_held_out(parts, section)
    progress(f"training on {counted(len(parts['train']), 'object')}, {len(np.unique(parts['train'].star)):,} distinct")
    fit = partial(family.fit, section=section, classes=classes)
    if (Path(section.classifier) / MANIFEST).exists():
        progress(f"the classifier in {section.classifier} will be replaced")
    with opened(Path(section.classifier), settings_fingerprint(section, training), report or progress) as workspace:
        classifier, seconds = trained_once(
            workspace, lambda: fit(parts["train"], validation=parts["validation"], workspace=workspace)
        )
        calibrated = _calibrated(parts, classifier, FamilyFit(fit, section), workspace, seconds)
        recipe = classifier.recipe.model_copy(update={"made": dict(data.made)})
        known = {"recipe": recipe, "training": training, **calibrated}
        classifier.manifest = classifier.manifest.model_copy(update=known)
        judge = judge_of_model(classifier.manifest, section.prior)
        scores: dict[str, Any] = {**judge.named(), **judge.fitted(classifier.manifest), "training": training}
        write_folder(classifier, scores, Path(section.classifier))  # before scoring, which may fail
        if len(parts["test"]):
            progress(f"testing on {counted(len(parts['test']), 'object')}")
            scores["test"] = scores_of_split(classifier, parts["train"], parts["test"], section)
        if section.folds and len(data):
            progress(f"cross-validating in {section.folds} folds, grouped by star")
            scores["cross_validation"] = cross_validate(data, section, workspace)
        write_folder(classifier, scores, Path(section.classifier))
    progress(f"the classifier is in {section.classifier}")
    return scores


def _check_splits(job: Job, data: Labelled, *, needed: bool) -> None:
    """Refuse data without training objects, or without test objects unless the job trains on all."""
    counts = {name: len(data.of_split(name)) for name in ("train", "validation", "test")}
    if needed and not (counts["train"] and (counts["test"] or _trains_on_all(job))):
        raise ConfigurationError(
            f"training needs objects of splits train and test; there are {counts}; set [catalog.split] (or its key "
            "train = 1.0, to train on all and test on none)"
        )


def _trains_on_all(job: Job) -> bool:
    return job.catalog.split is not None and job.catalog.split.train == 1


def _learnable(
    family: type[Classifier[Any]], data: Labelled, section: TrainingSection, progress: Report
) -> tuple[Labelled, tuple[str, ...], dict[str, Any]]:
    """Choose the classes, and the objects that have one of them; also record which others there are."""
    classes = _answers(family, data.of_split("train"), section)
    stated_shares(section.prior, classes, np.ones(len(classes)))  # refused now, not after hours of training
    unlearnt = data.take(~np.isin(data.label, classes)).counts()
    useless = int(np.isin(data.of_split("train").label, list(unlearnt)).sum())
    if unlearnt:
        progress(f"no usable training object is of {', '.join(unlearnt)}: the classifier does not know these classes")
    if useless:
        progress(f"{counted(useless, 'training object')} of these classes cannot be used: {family.why_not}")
    left_out = {
        "classes_without_training_objects": unlearnt,
        "classes_left_out": [name for name in family.only_classes or () if name not in classes],
    }
    return data.of_classes(classes), classes, left_out


def _answers(family: type[Classifier[Any]], data: Labelled, section: TrainingSection) -> tuple[str, ...]:
    """List the classes to tell apart: each has at least one training example."""
    if family.only_classes and (section.makes_examples or not family.needs_labels):
        return family.only_classes
    known = data if family.only_classes is None else data.of_classes(family.only_classes)
    usable = known.take(valid_rows_of(family, known, family.recipe_of(known, section)))
    if len(known) and not len(usable):
        raise ConfigurationError(
            f"no labelled object of split train can be used, out of {len(known):,}, so nothing can be learnt: "
            f"{family.why_not} ({section.kind} reads {', '.join(family.variables_of(section))} of the product "
            f"{family.product_of(section)!r})"
        )
    return tuple(name for name in family.only_classes or classes_among(usable.label) if name in set(usable.label))


def _without_patience(job: Job, section: TrainingSection, progress: Report) -> TrainingSection:
    """Set the patience to 0, to train all epochs, if the job holds out no object."""
    if not _trains_on_all(job) or not patient(section):
        return section
    progress("no object is held out (catalog.split.train is 1): training does all epochs and ignores train.patience")
    return section.model_copy(update={"patience": 0})


def _with_held_out(parts: dict[str, Labelled], section: TrainingSection) -> dict[str, Labelled]:
    """Hold out some training stars if training needs them and the job has no split `validation`."""
    if len(parts["validation"]) or not patient(section):
        return parts
    rest, held_out = hold_out(parts["train"], section.seed)
    return {**parts, "train": rest, "validation": held_out}


def _calibrated(
    parts: dict[str, Labelled],
    classifier: Classifier[Any],
    fit: FamilyFit,
    workspace: Workspace,
    seconds: float | None,
) -> dict[str, Any]:
    """Calibrate the answers by held-out objects or, without any, by folds; `seconds` is the training time of a model.

    Returns
    -------
    dict
        The manifest's entries that this decides.
    """
    held_out, section = parts["validation"], fit.section
    judge = judge_of_model(classifier.manifest, section.prior)
    if len(held_out):
        workspace.report(
            f"fitting {judge.calibrates} to the predictions for {counted(len(held_out), 'held-out object')}"
        )
        answers = predict_rows(classifier, held_out)
    elif len(parts["train"]):
        held_out = parts["train"].take(valid_rows_of(type(classifier), parts["train"], classifier.recipe))
        folds = min(CALIBRATION_FOLDS, possible_folds(held_out))
        if folds < 2:
            return {}
        takes = f"; about {duration(seconds * (folds - 1))}" if seconds is not None else ""
        workspace.report(
            f"fitting {judge.calibrates}, {judge.which}: {folds} models like it are trained, "
            f"each without the fold of training objects that it then predicts (a split 'validation' saves this){takes}"
        )
        answers, _ = out_of_fold(held_out, fit, folds, section.seed, workspace.below(CALIBRATION))
    else:
        return {}
    return judge.calibration(held_out, answers)


def _training_record(data: Labelled, parts: dict[str, Labelled]) -> dict[str, Any]:
    """Record the training data, and how many stars a user's own split puts on both sides."""
    shared = np.intersect1d(parts["train"].star, parts["test"].star)
    held_out = parts["validation"]
    if len(shared):
        many = counted(len(shared), "star")
        log.warning("%s with visits in both train and test: the test scores are too high", many)
    return {
        "fingerprint": parts["train"].fingerprint(),
        "validation_fingerprint": held_out.fingerprint() if len(held_out) else None,
        "objects": {name: part.counts() for name, part in parts.items()},
        "stars": len(np.unique(data.star)),
        "stars_in_train_and_test": len(shared),
    }
