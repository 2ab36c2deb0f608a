"""A Keras network as an ONNX graph: walks the network, and has each layer converted."""

from typing import Any

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.engines import layers, transformer
from survey_batch.models.engines.graph import Graph, Value
from survey_batch.models.engines.parts import unsupported

CONVERTED = {"keras": layers.LAYERS, "keras_hub": transformer.LAYERS}
"""What is converted, by package."""

INPUT = "inputs"
"""Name of the network's input, (object, …) float32."""


def network_graph(model: Any) -> tuple[Graph, Value, Value]:
    """Convert a network.

    Parameters
    ----------
    model : keras.Model
        Functional or sequential, with one input and one output.

    Returns
    -------
    graph, input, output
        The graph; its input, named `inputs`, and its output, (object, column).

    Raises
    ------
    ConfigurationError
        The network has several inputs or outputs, or a layer that cannot be converted; it is named.
    """
    import keras

    if not isinstance(model, keras.Model) or len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ConfigurationError(
            "the network has no layers to look at, or several inputs or outputs, so it cannot be converted to ONNX: "
            "leave predictions.engine out"
        )
    graph = Graph()
    entry = Value(INPUT, tuple(model.inputs[0].shape))
    name = _converted(graph, model, [entry])
    return graph, entry, Value(name, tuple(model.outputs[0].shape))


def _converted(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Convert a layer, or a network within the network."""
    import keras

    if isinstance(layer, keras.Sequential):
        x = inputs[0]
        for part in layer.layers:
            x = Value(_converted(graph, part, [x]), tuple(part.output.shape))
        return x.name
    if isinstance(layer, keras.Model):
        return _walked(graph, layer, inputs)
    known = CONVERTED.get(type(layer).__module__.partition(".")[0], {})
    if type(layer).__name__ not in known:
        raise unsupported(layer)
    return known[type(layer).__name__](graph, layer, inputs)


def _walked(graph: Graph, model: Any, inputs: list[Value]) -> str:
    """Follow a functional network from its inputs to its output.

    `clone_model` calls each layer in order. Its clone shares the layers, and is thrown away.
    """
    import keras

    entry = keras.tree.map_structure(lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype), model.input)
    kept = keras.tree.flatten(entry)
    known = {id(symbol): value for symbol, value in zip(kept, inputs, strict=True)}
    """Keras' symbols, so that none gets the identity of another that is gone."""

    def call(layer: Any, *values: Any, **named: Any) -> Any:
        named.pop("training", None)
        output = layer(*values, **named)
        given = [value for value in keras.tree.flatten((values, named)) if value is not None and value is not False]
        if unknown := [value for value in given if id(value) not in known]:
            raise unsupported(layer, f"the argument {unknown[0]!r}")
        known[id(output)] = Value(_converted(graph, layer, [known[id(value)] for value in given]), tuple(output.shape))
        kept.append(output)
        return output

    clone = keras.models.clone_model(model, input_tensors=entry, clone_function=lambda layer: layer, call_function=call)
    return known[id(clone.outputs[0])].name
