"""Scores of a trained classifier, on a split or across folds, beside the baselines it has to beat."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.job import Job
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.core.steps import step
from survey_batch.core.threads import one_thread
from survey_batch.models.base import Classifier
from survey_batch.models.classes import classes_among
from survey_batch.models.cross_validation import FamilyFit, out_of_fold
from survey_batch.models.fitted import predict_rows, valid_rows_of
from survey_batch.models.fitting import Workspace
from survey_batch.models.judging import judge_of, judge_of_model
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.neighbour_votes import neighbour_scores
from survey_batch.models.prior import Prior
from survey_batch.models.recipe import Recipe
from survey_batch.preflight.provenance import check_made_by
from survey_batch.training.labelled_rows import read_labelled

log = logging.getLogger(__name__)


@one_thread()
def evaluate(job: Job, split: str = "test", prior: Prior | None = None) -> dict[str, Any]:
    """Score the classifier of table [train], or if absent of [predictions], on one split of the job's objects.

    An embedding is scored by the labels of neighbours (`survey_batch.models.neighbour_votes`); where the catalogue has
    no splits, each object is compared with all others.

    Parameters
    ----------
    job
        A job whose product and classifier exist.
    split
        Scores on splits other than `test` say little about new objects: the classifier may have seen these.
    prior
        Class shares for which scores are stated; by default those of [train], or as found.

    Raises
    ------
    ConfigurationError
        The job names no classifier, or no usable row of the split has a label or the columns.
    PlanMismatchError
        The product is not what the classifier was trained on.
    """
    named = job.train or job.predictions
    if named is None:
        raise ConfigurationError("the job names no classifier: set train.classifier or predictions.classifier")
    step(f"loading the classifier {named.classifier}")
    classifier = load_classifier(named.classifier)
    quantities = _quantities(classifier.manifest, named.classifier)
    recipe = classifier.recipe
    check_made_by(job, recipe.product)
    stated = prior or (job.train.prior if job.train else "as_found")
    if classifier.manifest.outputs == "embedding":
        return {"classifier": named.classifier, **_by_neighbours(job, classifier, split, stated)}
    step(f"scoring the {split} split")
    data = read_labelled(job, recipe.product, recipe.variables, classifier.classes, split=split, quantities=quantities)
    _check_recipe(recipe, data)
    answers: dict[str, npt.NDArray[Any]] = {"classifier": predict_rows(classifier, data)}
    judge = judge_of_model(classifier.manifest, stated)
    scores = judge.scores(data, answers, classifier.manifest.seed)
    return {**judge.named(), "classifier": named.classifier, split: scores}


def _by_neighbours(job: Job, classifier: Classifier[Any], split: str, prior: Prior) -> dict[str, Any]:
    """Score an embedding by the labels of neighbours: those of a split's objects among the other labelled objects.

    Raises
    ------
    ConfigurationError
        There are not two classes among the labels, or no object of the split.
    """
    recipe = classifier.recipe
    data = read_labelled(job, recipe.product, recipe.variables, needed=False)
    classes = classes_among(data.label)
    if len(classes) < 2:
        there = f"all labels ({len(data):,}) are {classes[0]}" if classes else "no usable object has a label"
        raise ConfigurationError(
            f"an embedding is scored by the labels of neighbours, and {there} in {job.output}: set catalog.label to a "
            "column with classes, at least of some objects"
        )
    _check_recipe(recipe, data)
    splits = sorted(set(data.split) - {""})
    if splits and split not in splits:
        raise ConfigurationError(
            f"no usable object of split {split!r} has a label; the splits of labelled objects are {', '.join(splits)}"
        )
    named = split if splits else ""
    step(
        f"comparing objects of the {split} split with the others" if splits else "comparing each object with the others"
    )
    scores = neighbour_scores(data, predict_rows(classifier, data), classes, named, classifier.manifest.seed, prior)
    return {"classes": list(classes), named or "all": scores}


def _check_recipe(recipe: Recipe, data: Labelled) -> None:
    recipe.check_product(data.coordinates, data.shapes)
    recipe.check_made(data.made)
    recipe.check_basis(data.basis)


def _quantities(manifest: Manifest, folder: str) -> tuple[Quantity, ...]:
    """Return the quantities of a model; refuse one whose values can be compared with nothing."""
    if any(not quantity.column for quantity in manifest.quantities):
        raise ConfigurationError(
            f"{folder} answers with values, and evaluate compares only values that were learnt from columns of the "
            "catalogue"
        )
    return manifest.quantities


def cross_validate(data: Labelled, section: TrainingSection, workspace: Workspace | None = None) -> dict[str, Any]:
    """Predict all labelled objects out of fold, with the classifier and the baselines in the same folds.

    Finished folds are stored in the workspace and reported, if there is one.
    """
    family = family_of(section.kind, section.variant)
    classes = () if data.quantities else family.only_classes or classes_among(data.label)
    judge = judge_of(classes, data.quantities, section.prior)
    possible = valid_rows_of(family, data, family.recipe_of(data, section))
    rows = data.take(possible)
    fit = partial(family.fit, section=section, classes=classes)
    kept = (workspace or Workspace()).below(f"{section.folds}-folds-{data.fingerprint()[:12]}")
    raw, fold = out_of_fold(rows, FamilyFit(fit, section), section.folds, section.seed, kept.below("classifier"))
    answers: dict[str, npt.NDArray[Any]] = {"classifier": judge.across_folds(rows, raw, fold)}
    for name, baseline in family.baselines(data, section, classes).items():
        with _baseline_may_fail(name):
            answers[name], _ = out_of_fold(rows, baseline, section.folds, section.seed, kept.below(name, log.info))
    return {
        "folds": section.folds,
        **judge.scores(rows, answers, section.seed),
        "not_classified": int(np.sum(~possible) + np.sum(~np.isfinite(raw).all(axis=1))),
    }


def scores_of_split(
    classifier: Classifier[Any], trained: Labelled, tested: Labelled, section: TrainingSection
) -> dict[str, Any]:
    """Score a classifier and its baselines, fitted to the same training objects, on other objects."""
    answers: dict[str, npt.NDArray[Any]] = {"classifier": predict_rows(classifier, tested)}
    usable = trained.take(valid_rows_of(type(classifier), trained, classifier.recipe))
    for name, fit in classifier.baselines(trained, section, classifier.classes).items():
        with _baseline_may_fail(name):
            answers[name] = fit(usable, section.seed)(tested)
    return judge_of_model(classifier.manifest, section.prior).scores(tested, answers, section.seed)


@contextmanager
def _baseline_may_fail(name: str) -> Iterator[None]:
    """Continue without a baseline that fails on these objects: it only serves for comparison."""
    try:
        yield
    except (ValueError, MemoryError, SurveyBatchError) as error:
        log.warning("baseline %s: not run (%s)", name, error)
