"""Half precision for prediction: a network computes in 16 bits and stores its weights in 32 (`mixed_float16`, …)."""

from typing import Any

from survey_batch.config.sections.models import Precision
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.keras_family import KerasClassifier, prepare_for_use


def lower_precision(classifier: Any, precision: Precision) -> None:
    """Make a loaded classifier compute in another precision; its probabilities stay float32.

    The output layers stay in single precision, so that a softmax keeps small probabilities.

    Parameters
    ----------
    classifier : Classifier
        Changed in place.
    precision
        A dtype policy of Keras (Micikevicius et al. 2018, "Mixed precision training", ICLR).

    Raises
    ------
    ConfigurationError
        The classifier is not a network.
    """
    if precision == "float32":
        return
    if not isinstance(classifier, KerasClassifier):
        kind = f"{classifier.manifest.kind} {classifier.manifest.variant}"
        raise ConfigurationError(
            f'predictions.precision = "{precision}" is for networks, and the classifier is a {kind}; leave the key out'
        )
    classifier.model = _rebuilt(classifier.model, precision)
    prepare_for_use(classifier.model)


def _rebuilt(model: Any, precision: str) -> Any:
    """Rebuild the network with another dtype policy in all layers except the output layers."""
    import keras

    described = _with_policy(keras.saving.serialize_keras_object(model), precision, set(model.output_names))
    other = keras.saving.deserialize_keras_object(described)
    other.set_weights(model.get_weights())
    return other


def _with_policy(described: Any, precision: str, last: set[str]) -> Any:
    """Change the dtype policy in a result of `serialize_keras_object`, except in layers named in `last`."""
    if isinstance(described, list | tuple):
        return type(described)(_with_policy(part, precision, last) for part in described)
    if not isinstance(described, dict):
        return described
    if described.get("class_name") == "DTypePolicy":
        return {**described, "config": {**described["config"], "name": precision}}
    if isinstance(described.get("config"), dict) and described["config"].get("name") in last:
        return described
    return {key: _with_policy(part, precision, last) for key, part in described.items()}
