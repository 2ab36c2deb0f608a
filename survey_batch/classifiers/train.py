"""Train and evaluate a classifier on a job's product, beside the baselines it has to beat."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.base import Classifier, family_of, load_classifier
from survey_batch.classifiers.calibration import fit_temperature
from survey_batch.classifiers.classes import class_numbers, classes_among
from survey_batch.classifiers.cross_validation import Fit, Predict, calibrated_across_folds, out_of_fold
from survey_batch.classifiers.labelled import Labelled, read_labelled
from survey_batch.classifiers.scores import describe, scores_of
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job, TrainSection

__all__ = ["cross_validate", "describe", "evaluate", "train"]

Report = Callable[[str], None]
FitClassifier = Callable[[Labelled, int], Classifier]

TEMPERATURE_FOLDS = 5
"""Inner folds of the training split for the temperature, where there is no validation split."""

log = logging.getLogger(__name__)


def train(job: Job, progress: Report = log.info) -> dict[str, Any]:
    """Train the classifier of the job's table [train] and write its folder.

    The network is trained on split `train`; its temperature is fitted on split `validation`, or where there is
    none on out-of-fold predictions within `train`; the figures under `test` are of split `test`, which took no
    part. Where `train.folds` is set, all labelled objects are also predicted by cross-validation: more objects,
    so more certain figures.

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
    family = family_of(section.kind)
    data = read_labelled(job, family.product, family.variables, family.only_classes)
    classes = family.only_classes or classes_among(data.of_split("train").label)
    data = data.of_classes(classes)
    parts = {name: data.of_split(name) for name in ("train", "validation", "test")}
    if len(parts["train"]) == 0 or len(parts["test"]) == 0:
        counts = {name: len(part) for name, part in parts.items()}
        raise ConfigurationError(
            f"training needs objects of splits train and test; there are {counts}; set [catalog.split]"
        )
    progress(f"training on {len(parts['train'])} objects, {len(np.unique(parts['train'].star))} of them distinct")
    fit = _fit_of(family, section, classes)
    classifier = fit(parts["train"], section.seed)
    progress("fitting the temperature")
    temperature = _temperature(parts, classifier, fit, section.seed)
    training = _training_record(data, parts)
    classifier.manifest = classifier.manifest.model_copy(update={"temperature": temperature, "training": training})
    scores: dict[str, Any] = {"classes": list(classes), "temperature": temperature, "training": training}
    progress(f"testing on {len(parts['test'])} objects")
    scores["test"] = _scores_of_split(classifier, parts["train"], parts["test"], section)
    if section.folds:
        progress(f"cross-validating in {section.folds} folds, grouped by star")
        scores["cross_validation"] = cross_validate(data, section)
    _write(classifier, scores, Path(section.classifier))
    return scores


def evaluate(job: Job) -> dict[str, Any]:
    """Score the trained classifier of table [train], or else [predictions], on the job's test split.

    Raises
    ------
    ConfigurationError
        The job names no classifier, or no usable row of split `test` has a label.
    PlanMismatchError
        The product is not what the classifier was trained on.
    """
    named = job.train or job.predictions
    if named is None:
        raise ConfigurationError("the job names no classifier: set train.classifier or predictions.classifier")
    classifier = load_classifier(named.classifier)
    recipe = classifier.recipe
    data = read_labelled(job, recipe.product, recipe.variables, classifier.classes, split="test")
    recipe.check_product(data.coordinates)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": classifier.predict_proba(data.block)}
    scores = scores_of(data, answers, classifier.classes, classifier.manifest.seed)
    return {"classes": list(classifier.classes), "classifier": named.classifier, "test": scores}


def cross_validate(data: Labelled, section: TrainSection) -> dict[str, Any]:
    """Predict all labelled objects out of fold, by the classifier and by the baselines in the same folds."""
    family = family_of(section.kind)
    classes = family.only_classes or classes_among(data.label)
    possible = family.possible(data.block, family.recipe_of(data, section))
    rows, number = data.take(possible), class_numbers(data.label[possible], classes)
    raw, fold = out_of_fold(rows, _predicting(_fit_of(family, section, classes)), section.folds, section.seed)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": calibrated_across_folds(number, raw, fold)}
    for name, fit in family.baselines(data, section, classes).items():
        answers[name], _ = out_of_fold(rows, fit, section.folds, section.seed)
    return {
        "folds": section.folds,
        "not_classified": int(np.sum(~possible)),
        **scores_of(rows, answers, classes, section.seed),
    }


def _section(job: Job) -> TrainSection:
    if job.train is None:
        raise ConfigurationError("the job has no table [train]; it needs the key 'classifier'")
    return job.train


def _fit_of(family: type[Classifier], section: TrainSection, classes: tuple[str, ...]) -> FitClassifier:
    return lambda data, seed: family.fit(
        data.block,
        data.label,
        family.recipe_of(data, section),
        classes=classes,
        epochs=section.epochs,
        members=section.members,
        seed=seed,
    )


def _predicting(fit: FitClassifier) -> Fit:
    def fitted(data: Labelled, seed: int) -> Predict:
        classifier = fit(data, seed)
        return lambda other: classifier.predict_proba(other.block)

    return fitted


def _possible(data: Labelled, classifier: Classifier) -> Labelled:
    return data.take(classifier.possible(data.block, classifier.recipe))


def _temperature(parts: dict[str, Labelled], classifier: Classifier, fit: FitClassifier, seed: int) -> float:
    held_out = parts["validation"]
    if len(held_out):
        probability = classifier.predict_proba(held_out.block)
    else:
        held_out = _possible(parts["train"], classifier)
        folds = min(TEMPERATURE_FOLDS, len(np.unique(held_out.star)))
        probability, _ = out_of_fold(held_out, _predicting(fit), folds, seed)
    known = np.isfinite(probability).all(axis=1)
    return fit_temperature(class_numbers(held_out.label, classifier.classes)[known], probability[known])


def _scores_of_split(
    classifier: Classifier, trained: Labelled, tested: Labelled, section: TrainSection
) -> dict[str, Any]:
    answers: dict[str, npt.NDArray[Any]] = {"classifier": classifier.predict_proba(tested.block)}
    usable = _possible(trained, classifier)
    for name, fit in classifier.baselines(trained, section, classifier.classes).items():
        answers[name] = fit(usable, section.seed)(tested)
    return scores_of(tested, answers, classifier.classes, section.seed)


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


def _write(classifier: Classifier, scores: dict[str, Any], folder: Path) -> None:
    from survey_batch.classifiers.plots import confusion_plot, reliability_plot, training_plot

    named = {part: scores[part]["classifier"] for part in ("test", "cross_validation") if part in scores}
    brief = {part: {"accuracy": one["accuracy"], "macro_f1": one["macro_f1"]} for part, one in named.items()}
    classifier.manifest = classifier.manifest.model_copy(update={"metrics": brief})
    classifier.save(folder)
    (folder / "metrics.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    confusion_plot(
        scores["test"]["classifier"]["confusion"], classifier.classes, "Test split", folder / "confusion.png"
    )
    curves = {part.replace("_", " "): one["reliability"] for part, one in named.items()}
    reliability_plot(curves, "Reliability", folder / "reliability.png")
    training_plot(classifier.losses, folder / "training-curve.png")
