"""What the conversion of several layers needs: weights, activations, and the error that refuses."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.engines.graph import Graph, Value

Translate = Callable[[Graph, Any, list[Value]], str]


def unsupported(layer: Any, what: str = "") -> ConfigurationError:
    """Make the error that names what cannot be converted."""
    kind = f"{type(layer).__module__.partition('.')[0]} layer {type(layer).__name__}"
    return ConfigurationError(
        f"the network's layer {layer.name!r} ({kind}{f' with {what}' if what else ''}) cannot be converted to ONNX: "
        "leave predictions.engine out, or use a variant without such a layer"
    )


def weight(variable: Any) -> npt.NDArray[Any]:
    """Read a layer's variable."""
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable))


def activated(graph: Graph, layer: Any, x: str) -> str:
    """Apply a layer's activation."""
    import keras

    named = keras.activations.serialize(layer.activation) if layer.activation is not None else "linear"
    if not isinstance(named, str) or named not in ACTIVATIONS:
        raise unsupported(layer, f"the activation {named}")
    change = ACTIVATIONS[named]
    return change(graph, x) if named == "softmax" else graph.each(x, lambda value: change(graph, value))


def _gelu(graph: Graph, x: str) -> str:
    """Compute x / 2 (1 + erf(x / sqrt(2))), in a form that ONNX Runtime and OpenVINO recognise."""
    one = graph.add("Add", graph.add("Erf", graph.add("Div", x, graph.constant(np.sqrt(2)))), graph.constant(1))
    return graph.add("Mul", graph.add("Mul", x, one), graph.constant(0.5))


ACTIVATIONS: Mapping[str, Callable[[Graph, str], str]] = {
    "linear": lambda graph, x: x,  # noqa: ARG005
    "softmax": lambda graph, x: graph.add("Softmax", x, axis=-1),
    "gelu": _gelu,
    "silu": lambda graph, x: graph.add("Mul", x, graph.add("Sigmoid", x)),
    **{
        name: lambda graph, x, operator=operator: graph.add(operator, x)  # type: ignore[misc]
        for name, operator in {
            "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "selu": "Selu",
            "softplus": "Softplus", "softsign": "Softsign", "exponential": "Exp",
        }.items()
    },
}  # fmt: skip


def check_channels_last(layer: Any) -> None:
    """Refuse a layer that has its channels first."""
    if getattr(layer, "data_format", None) not in (None, "channels_last"):
        raise unsupported(layer, "channels first")
