"""Train and evaluate a classifier on a job's product, beside the baselines it has to beat."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.artifact import family_of, load_classifier
from survey_batch.classifiers.base import Classifier
from survey_batch.classifiers.calibration import fit_temperature
from survey_batch.classifiers.classes import class_numbers, classes_among
from survey_batch.classifiers.cross_validation import (
    Fit,
    Predict,
    calibrated_across_folds,
    grouped_folds,
    out_of_fold,
)
from survey_batch.classifiers.fitted import possible_rows
from survey_batch.classifiers.labelled import Labelled, read_labelled
from survey_batch.classifiers.prior import Prior, object_weights
from survey_batch.classifiers.scores import describe, scores_of
from survey_batch.classifiers.workspace import opened, settings_fingerprint, write_folder
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job
from survey_batch.sections.training_base import NetworkTraining, TrainingSection

__all__ = ["cross_validate", "describe", "evaluate", "train"]

Report = Callable[[str], None]
FitRows = Callable[..., Classifier[Any]]

TEMPERATURE_FOLDS = 5
"""Inner folds of the training split for the temperature, where no objects are held out."""
HELD_OUT_FOLDS = 7
"""A seventh of the training objects is held out where a network needs some and the job has no split `validation`."""

log = logging.getLogger(__name__)


def train(job: Job, progress: Report = log.info) -> dict[str, Any]:
    """Train the classifier of the job's table [train] and write its folder.

    The model is trained on split `train`; its temperature is fitted on split `validation`, or where there is none on
    out-of-fold predictions within `train`; the figures under `test` are of split `test`, which took no part. Where
    `train.folds` is set, all labelled objects are also predicted by cross-validation: more objects, so more certain
    figures. A training that was stopped goes on from its last checkpoint, in `<classifier>.training`.

    Parameters
    ----------
    job
        The stage of the product that this kind of classifier works on has run.
    progress
        Told in a sentence what is being done.

    Returns
    -------
    dict
        The scores, as in `metrics.json`; `describe` puts them in words.

    Raises
    ------
    ConfigurationError
        The job has no table [train], or its product has no usable rows to train or test on.
    """
    section = _section(job)
    family = family_of(section.kind, section.variant)
    data = read_labelled(
        job, family.product_of(section), family.variables_of(section), family.only_classes, needed=family.needs_labels
    )
    classes = family.only_classes or classes_among(data.of_split("train").label)
    data = data.of_classes(classes)
    parts = {name: data.of_split(name) for name in ("train", "validation", "test")}
    if family.needs_labels and not (len(parts["train"]) and len(parts["test"])):
        counts = {name: len(part) for name, part in parts.items()}
        raise ConfigurationError(
            f"training needs objects of splits train and test; there are {counts}; set [catalog.split]"
        )
    training = _training_record(data, parts)
    parts = _with_held_out(parts, section)
    progress(f"training on {len(parts['train'])} objects, {len(np.unique(parts['train'].star))} of them distinct")
    fit = partial(family.fit, section=section, classes=classes)
    with opened(Path(section.classifier), settings_fingerprint(section, training), progress) as workspace:
        classifier = fit(parts["train"], validation=parts["validation"], workspace=workspace)
        progress("fitting the temperature")
        temperature = _temperature(parts, classifier, fit, section)
        recipe = classifier.recipe.model_copy(update={"made": dict(data.made)})
        known = {"recipe": recipe, "temperature": temperature, "training": training}
        classifier.manifest = classifier.manifest.model_copy(update=known)
        scores: dict[str, Any] = {"classes": list(classes), "temperature": temperature, "training": training}
        if len(parts["test"]):
            progress(f"testing on {len(parts['test'])} objects")
            scores["test"] = _scores_of_split(classifier, parts["train"], parts["test"], section)
        if section.folds and len(data):
            progress(f"cross-validating in {section.folds} folds, grouped by star")
            scores["cross_validation"] = cross_validate(data, section)
        write_folder(classifier, scores, Path(section.classifier))
    return scores


def evaluate(job: Job, split: str = "test", prior: Prior | None = None) -> dict[str, Any]:
    """Score the trained classifier of table [train], or else [predictions], on one split of the job's objects.

    Parameters
    ----------
    job
        Its product and its classifier are there.
    split
        Figures of any other than `test` say little of new objects: the classifier may have seen these.
    prior
        Shares of the classes on which the figures are stated; by default those of [train], or as found.

    Raises
    ------
    ConfigurationError
        The job names no classifier, or no usable row of the split has a label.
    PlanMismatchError
        The product is not what the classifier was trained on.
    """
    named = job.train or job.predictions
    if named is None:
        raise ConfigurationError("the job names no classifier: set train.classifier or predictions.classifier")
    classifier = load_classifier(named.classifier)
    recipe = classifier.recipe
    data = read_labelled(job, recipe.product, recipe.variables, classifier.classes, split=split)
    recipe.check_product(data.coordinates, data.shapes)
    recipe.check_made(data.made)
    recipe.check_basis(data.basis)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": predict_rows(classifier, data)}
    stated = prior or (job.train.prior if job.train else "as_found")
    scores = scores_of(data, answers, classifier.classes, classifier.manifest.seed, prior=stated)
    return {"classes": list(classifier.classes), "classifier": named.classifier, split: scores}


def predict_rows(classifier: Classifier[Any], data: Labelled) -> npt.NDArray[np.float32]:
    """Probabilities (object, class) of all rows, read block by block."""
    answers = [classifier.predict_proba(block) for _, block in data.blocks()]
    return np.concatenate(answers) if answers else np.zeros((0, len(classifier.classes)), np.float32)


def cross_validate(data: Labelled, section: TrainingSection) -> dict[str, Any]:
    """Predict all labelled objects out of fold, by the classifier and by the baselines in the same folds."""
    family = family_of(section.kind, section.variant)
    classes = family.only_classes or classes_among(data.label)
    possible = possible_rows(family, data, family.recipe_of(data, section))
    rows, number = data.take(possible), class_numbers(data.label[possible], classes)
    fit = partial(family.fit, section=section, classes=classes)
    raw, fold = out_of_fold(rows, _predicting(fit, section), section.folds, section.seed)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": calibrated_across_folds(number, raw, fold)}
    for name, baseline in family.baselines(data, section, classes).items():
        answers[name], _ = out_of_fold(rows, baseline, section.folds, section.seed)
    return {
        "folds": section.folds,
        "not_classified": int(np.sum(~possible)),
        **scores_of(rows, answers, classes, section.seed, prior=section.prior),
    }


def _section(job: Job) -> TrainingSection:
    if job.train is None:
        raise ConfigurationError("the job has no table [train]; it needs the key 'classifier'")
    return job.train


def _patient(section: TrainingSection) -> bool:
    """Tell whether training ends by what held-out objects say."""
    return isinstance(section, NetworkTraining) and section.patience > 0


def _with_held_out(parts: dict[str, Labelled], section: TrainingSection) -> dict[str, Labelled]:
    """Hold some training stars out where training needs them and the job has no split `validation`."""
    if len(parts["validation"]) or not _patient(section):
        return parts
    rest, held_out = _hold_out(parts["train"], section.seed)
    return {**parts, "train": rest, "validation": held_out}


def _hold_out(data: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    rest, held_out = next(grouped_folds(data, min(HELD_OUT_FOLDS, len(np.unique(data.star))), seed))
    return data.take(rest), data.take(held_out)


def _predicting(fit: FitRows, section: TrainingSection) -> Fit:
    def fitted(data: Labelled, seed: int) -> Predict:
        rows, held_out = _hold_out(data, seed) if _patient(section) else (data, None)
        classifier = fit(rows, validation=held_out, seed=seed)
        return lambda other: predict_rows(classifier, other)

    return fitted


def _temperature(
    parts: dict[str, Labelled],
    classifier: Classifier[Any],
    fit: Callable[..., Classifier[Any]],
    section: TrainingSection,
) -> float:
    held_out = parts["validation"]
    if len(held_out):
        probability = predict_rows(classifier, held_out)
    elif len(parts["train"]):
        held_out = parts["train"].take(possible_rows(type(classifier), parts["train"], classifier.recipe))
        folds = min(TEMPERATURE_FOLDS, len(np.unique(held_out.star)))
        probability, _ = out_of_fold(held_out, _predicting(fit, section), folds, section.seed)
    else:
        return 1.0
    known = np.isfinite(probability).all(axis=1)
    number = class_numbers(held_out.label, classifier.classes)[known]
    return fit_temperature(
        number, probability[known], weights=object_weights(number, classifier.classes, section.prior)
    )


def _scores_of_split(
    classifier: Classifier[Any], trained: Labelled, tested: Labelled, section: TrainingSection
) -> dict[str, Any]:
    answers: dict[str, npt.NDArray[Any]] = {"classifier": predict_rows(classifier, tested)}
    usable = trained.take(possible_rows(type(classifier), trained, classifier.recipe))
    for name, fit in classifier.baselines(trained, section, classifier.classes).items():
        answers[name] = fit(usable, section.seed)(tested)
    return scores_of(tested, answers, classifier.classes, section.seed, prior=section.prior)


def _training_record(data: Labelled, parts: dict[str, Labelled]) -> dict[str, Any]:
    """What was trained on, and how many stars a user's own split puts on both sides."""
    shared = np.intersect1d(parts["train"].star, parts["test"].star)
    if len(shared):
        log.warning("%d stars have visits in both train and test: the test's figures are too good", len(shared))
    return {
        "fingerprint": parts["train"].fingerprint(),
        "objects": {name: part.counts() for name, part in parts.items()},
        "stars": len(np.unique(data.star)),
        "stars_in_train_and_test": len(shared),
    }
