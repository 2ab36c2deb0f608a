"""Kinds of classifier: their tables `[train]` and their classes. Any installed package can add to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError


@dataclass(frozen=True)
class ClassifierKind:
    """A kind of classifier, offered as an entry point of the group `survey_batch.classifiers`.

    A job file is checked with it, so the module that holds it must import neither Keras nor scikit-learn.

    Attributes
    ----------
    name : str
        The name of the entry point, and `train.kind` in job files.
    training : type of TrainingSection
        The model of its table `[train]`.
    variants : dict
        The class of each variant, `module:Class`, imported only when it is used. The first variant is the default.
    trained_here : bool
        Whether `train.kind` may name it; a model that was trained elsewhere has no table `[train]`.
    seconds : dict
        CPU time of one object by variant, from reading its product to writing the answer, with the default settings.
        `plan` says of a variant that is not here that its time is not known, and does not count it.
    """

    name: str
    training: type[TrainingSection]
    variants: Mapping[str, str]
    trained_here: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)

    def family(self, variant: str) -> Any:
        """Import the class of a variant.

        Raises
        ------
        ConfigurationError
            There is no such variant, or its class cannot be imported.
        """
        if variant not in self.variants:
            raise ConfigurationError(
                f"kind {self.name!r} has no variant {variant!r}; it has {', '.join(self.variants)}"
            )
        return plugins.resolve(self.variants[variant])


def classifier_kind(name: str) -> ClassifierKind:
    """Find a kind by its name.

    Raises
    ------
    ConfigurationError
        No installed package offers it, or the entry point is not such a kind.
    """
    kind = plugins.load(plugins.CLASSIFIERS, name)
    if not isinstance(kind, ClassifierKind) or kind.name != name or not kind.variants:
        raise ConfigurationError(
            f"the entry point {name!r} of {plugins.CLASSIFIERS} must be a ClassifierKind of that name with a variant, "
            f"but is {kind!r}: repair or uninstall the package that offers it"
        )
    return kind
