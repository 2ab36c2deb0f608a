"""The table `[train]`: its key `kind` says which model it has."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny, ValidationError
from pydantic_core import InitErrorDetails

from survey_batch.config.classifiers import ClassifierKind, classifier_kind
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError

DEFAULT_KIND = "spectral-type"


def kind_in(table: Any) -> ClassifierKind:
    """Find the kind that a table `[train]` names, or the default kind.

    Raises
    ------
    ConfigurationError
        No installed package offers it, or it is not trained here.
    """
    kind = classifier_kind(str(table.get("kind", DEFAULT_KIND)) if isinstance(table, Mapping) else DEFAULT_KIND)
    if not kind.trained_here:
        raise ConfigurationError(
            f"models of kind {kind.name!r} are not trained here: remove [train], and name the folder that "
            "survey-batch adopt wrote in predictions.classifier"
        )
    return kind


def _of_its_kind(given: Any) -> Any:
    """Validate a table with the model of its kind; anything else is left to pydantic."""
    if not isinstance(given, Mapping):
        return given
    try:
        kind = kind_in(given)
    except ConfigurationError as error:
        raise _refused(given, "kind", "value_error", {"error": error}) from error
    defaults = {"kind": kind.name, "variant": next(iter(kind.variants))}
    needed = {name: value for name, value in defaults.items() if kind.training.model_fields[name].is_required()}
    section = kind.training.model_validate({**needed, **given})
    if section.variant not in kind.variants:
        raise _refused(given, "variant", "literal_error", {"expected": ", ".join(map(repr, kind.variants))})
    return section


def _refused(given: Mapping[str, Any], key: str, what: str, context: dict[str, Any]) -> ValidationError:
    """Make an error of a type that pydantic knows, about one key of the table."""
    details = InitErrorDetails(type=what, loc=(key,), input=given.get(key), ctx=context)
    return ValidationError.from_exception_data("train", [details])


TrainSection = Annotated[SerializeAsAny[TrainingSection], BeforeValidator(_of_its_kind)]
"""The classifier that `survey-batch train` makes."""
