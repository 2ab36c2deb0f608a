"""Train and evaluate a classifier on a job's spectra, beside the baselines it has to beat."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.base import load_classifier
from survey_batch.classifiers.baselines import ComponentsSVM, TemplateFit
from survey_batch.classifiers.calibration import fit_temperature
from survey_batch.classifiers.cross_validation import Fit, calibrated_across_folds, out_of_fold
from survey_batch.classifiers.labelled import Labelled, read_labelled
from survey_batch.classifiers.manifest import Grid
from survey_batch.classifiers.scores import describe, scores_of
from survey_batch.classifiers.spectral_type import (
    CLASSES,
    VARIABLES,
    SpectralTypeClassifier,
    class_numbers,
    prepare,
    recipe_for,
)
from survey_batch.errors import ConfigurationError
from survey_batch.job import Job, TrainSection

Index = npt.NDArray[np.intp]
__all__ = ["cross_validate", "describe", "evaluate", "train"]

Report = Callable[[str], None]

TEMPERATURE_FOLDS = 5
"""Inner folds of the training split for the temperature, where there is no validation split."""
BATCH = 256

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
        Its stage `spectra` has run.
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
    section, data = _section(job), read_labelled(job, VARIABLES, CLASSES)
    parts = {name: data.of_split(name) for name in ("train", "validation", "test")}
    if len(parts["train"]) == 0 or len(parts["test"]) == 0:
        counts = {name: len(part) for name, part in parts.items()}
        raise ConfigurationError(
            f"training needs objects of splits train and test; there are {counts}; set [catalog.split]"
        )
    progress(f"training on {len(parts['train'])} spectra of {len(np.unique(parts['train'].star))} stars")
    classifier = _fit(parts["train"], section, section.seed)
    progress("fitting the temperature")
    temperature = _temperature(parts, classifier, section)
    training = _training_record(data, parts)
    classifier.manifest = classifier.manifest.model_copy(update={"temperature": temperature, "training": training})
    scores: dict[str, Any] = {"classes": list(CLASSES), "temperature": temperature, "training": training}
    progress(f"testing on {len(parts['test'])} spectra")
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
    data = read_labelled(job, classifier.recipe.variables, classifier.classes, split="test")
    classifier.check_product({"wavelength": data.wavelength})
    probability = classifier.predict_proba(data.block)
    scores = scores_of(data, {"classifier": probability}, classifier.manifest.seed)
    return {"classes": list(classifier.classes), "classifier": named.classifier, "test": scores}


def cross_validate(data: Labelled, section: TrainSection) -> dict[str, Any]:
    """Predict all labelled objects out of fold, by the classifier and by the baselines in the same folds."""
    possible = _possible(data)
    rows, number = data.take(possible), class_numbers(data.label[possible])
    raw, fold = out_of_fold(rows, _classifier_fit(section), section.folds, section.seed)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": calibrated_across_folds(number, raw, fold)}
    answers["components_svm"], _ = out_of_fold(rows, _svm_fit, section.folds, section.seed)
    if section.templates:
        answers["templates"] = _by_templates(rows, section.templates)
    return {
        "folds": section.folds,
        "not_classified": int(np.sum(~possible)),
        **scores_of(rows, answers, section.seed),
    }


def _section(job: Job) -> TrainSection:
    if job.train is None:
        raise ConfigurationError("the job has no table [train]; it needs the key 'classifier'")
    return job.train


def _fit(data: Labelled, section: TrainSection, seed: int) -> SpectralTypeClassifier:
    recipe = recipe_for(Grid.of(data.wavelength))
    return SpectralTypeClassifier.fit(
        data.block, data.label, recipe, epochs=section.epochs, members=section.members, seed=seed
    )


def _classifier_fit(section: TrainSection) -> Fit:
    return lambda data, seed: _predictor(_fit(data, section, seed))


def _predictor(classifier: SpectralTypeClassifier) -> Callable[[Labelled], npt.NDArray[Any]]:
    return lambda data: classifier.predict_proba(data.block, batch=BATCH)


def _svm_fit(data: Labelled, seed: int) -> Callable[[Labelled], npt.NDArray[Any]]:  # noqa: ARG001
    machine = ComponentsSVM().fit(data.block, class_numbers(data.label))
    return lambda other: machine.predict(other.block)


def _by_templates(data: Labelled, path: str) -> Index:
    return TemplateFit.read(path, data.wavelength, CLASSES).predict(data.block)


def _possible(data: Labelled) -> npt.NDArray[np.bool_]:
    return prepare(data.block, recipe_for(Grid.of(data.wavelength)))[1]


def _temperature(parts: dict[str, Labelled], classifier: SpectralTypeClassifier, section: TrainSection) -> float:
    held_out = parts["validation"]
    if len(held_out):
        probability = classifier.predict_proba(held_out.block)
    else:
        held_out = parts["train"].take(_possible(parts["train"]))
        folds = min(TEMPERATURE_FOLDS, len(np.unique(held_out.star)))
        probability, _ = out_of_fold(held_out, _classifier_fit(section), folds, section.seed)
    known = np.isfinite(probability).all(axis=1)
    return fit_temperature(class_numbers(held_out.label)[known], probability[known])


def _scores_of_split(
    classifier: SpectralTypeClassifier, trained: Labelled, tested: Labelled, section: TrainSection
) -> dict[str, Any]:
    answers: dict[str, npt.NDArray[Any]] = {"classifier": classifier.predict_proba(tested.block)}
    answers["components_svm"] = _svm_fit(trained.take(_possible(trained)), section.seed)(tested)
    if section.templates:
        answers["templates"] = TemplateFit.read(section.templates, tested.wavelength, CLASSES).predict(tested.block)
    return scores_of(tested, answers, section.seed)


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


def _write(classifier: SpectralTypeClassifier, scores: dict[str, Any], folder: Path) -> None:
    from survey_batch.classifiers.plots import confusion_plot, reliability_plot, training_plot

    named = {part: scores[part]["classifier"] for part in ("test", "cross_validation") if part in scores}
    brief = {part: {"accuracy": one["accuracy"], "macro_f1": one["macro_f1"]} for part, one in named.items()}
    classifier.manifest = classifier.manifest.model_copy(update={"metrics": brief})
    classifier.save(folder)
    (folder / "metrics.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    confusion_plot(scores["test"]["classifier"]["confusion"], CLASSES, "Test split", folder / "confusion.png")
    curves = {part.replace("_", " "): one["reliability"] for part, one in named.items()}
    reliability_plot(curves, "Reliability", folder / "reliability.png")
    training_plot(classifier.losses, folder / "training-curve.png")
