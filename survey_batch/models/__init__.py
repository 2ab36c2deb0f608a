"""Classifiers: what a package needs to add a kind of its own. `docs/extend/add-a-classifier.md` shows how."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from survey_batch.config.classifiers import ClassifierKind
    from survey_batch.config.sections.training_base import NetworkTraining, TrainingSection
    from survey_batch.core.arrays import Variables
    from survey_batch.models.base import Classifier, Inputs
    from survey_batch.models.examples import Training
    from survey_batch.models.keras_family import KerasClassifier
    from survey_batch.models.labelled import Labelled
    from survey_batch.models.loading import load_classifier
    from survey_batch.models.recipe import Recipe
    from survey_batch.models.sklearn_family import SklearnClassifier

__all__ = [
    "Classifier",
    "ClassifierKind",
    "Inputs",
    "KerasClassifier",
    "Labelled",
    "NetworkTraining",
    "Recipe",
    "SklearnClassifier",
    "Training",
    "TrainingSection",
    "Variables",
    "load_classifier",
]

_HOMES = {
    "Variables": "core.arrays",
    "Classifier": "models.base",
    "ClassifierKind": "config.classifiers",
    "Inputs": "models.base",
    "KerasClassifier": "models.keras_family",
    "Labelled": "models.labelled",
    "NetworkTraining": "config.sections.training_base",
    "Recipe": "models.recipe",
    "SklearnClassifier": "models.sklearn_family",
    "Training": "models.examples",
    "TrainingSection": "config.sections.training_base",
    "load_classifier": "models.loading",
}
"""Module of each name."""


def __getattr__(name: str) -> Any:
    """Import a name when it is first used: the check of a job file needs few of them."""
    if name in _HOMES:
        return getattr(import_module(f"survey_batch.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'survey_batch.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
