"""Each layer of Keras that our networks use, as ONNX operators.

A function here gets the graph, the layer and the name and shape of each input, and returns the output's name. What a
layer can do but no network of ours does (dilated causal convolutions, channels first, …) is refused by name.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.models.engines.convolutions import (
    batch_normalization,
    convolution,
    depthwise,
    global_pooling,
    pooling,
    resizing,
)
from survey_batch.models.engines.graph import Graph, Value, length
from survey_batch.models.engines.parts import Translate, activated, check_channels_last, unsupported, weight


def same(_: Graph, __: Any, inputs: list[Value]) -> str:
    """Change nothing, as dropout does in prediction."""
    return inputs[0].name


def activation(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Activation."""
    return activated(graph, layer, inputs[0].name)


def relu(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """ReLU."""
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise unsupported(layer, "a slope, a threshold or a largest value")
    return graph.each(inputs[0].name, lambda x: graph.add("Relu", x))


def softmax(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Softmax over one axis."""
    if not isinstance(layer.axis, int):
        raise unsupported(layer, "several axes")
    return graph.add("Softmax", inputs[0].name, axis=layer.axis)


def dense(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Dense."""
    return activated(graph, layer, _product(graph, inputs[0].name, weight(layer.kernel), layer.bias))


def einsum_dense(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """EinsumDense: a product over the input's last axes is a matrix product; any other stays as it is."""
    (x, shape), kernel = inputs[0], weight(layer.kernel)
    entries, result = layer.equation.replace(" ", "").split("->")
    left, right = entries.split(",")
    summed = [axis for axis in left if axis not in result]
    count = len(summed)
    if (
        "." not in left
        and list(left[-count:]) == list(right[:count]) == summed
        and result == left[:-count] + right[count:]
    ):
        flat = kernel.reshape(length(kernel.shape[:count]), -1)
        if count > 1:
            x = _reshaped(graph, x, (*shape[1:-count], len(flat)))
        x = graph.add("MatMul", x, graph.constant(flat))
        if kernel.ndim > count + 1:
            x = _reshaped(graph, x, (*shape[1:-count], *kernel.shape[count:]))
    else:
        x = graph.add("Einsum", x, graph.constant(kernel), equation=layer.equation)
    if layer.bias is not None:
        x = graph.add("Add", x, graph.constant(weight(layer.bias)))
    return activated(graph, layer, x)


def _product(graph: Graph, x: str, kernel: npt.NDArray[Any], bias: Any) -> str:
    product = graph.add("MatMul", x, graph.constant(kernel))
    return product if bias is None else graph.add("Add", product, graph.constant(weight(bias)))


def _reshaped(graph: Graph, x: str, shape: tuple[int | None, ...]) -> str:
    """Reshape each object; 0 keeps the length of the batch."""
    return graph.add("Reshape", x, graph.integers(0, *(int(size or 0) for size in shape)))


def reshape(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Reshape."""
    return _reshaped(graph, inputs[0].name, layer.compute_output_shape(inputs[0].shape)[1:])


def permute(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Permute, whose axes count from 1, as the first is that of the objects."""
    return graph.transpose(inputs[0].name, (0, *layer.dims))


def flatten(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Flatten."""
    check_channels_last(layer)
    return graph.add("Flatten", inputs[0].name, axis=1)


def layer_normalization(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """LayerNormalization over the last axis."""
    x, shape = inputs[0]
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if [axis % len(shape) for axis in axes] != [len(shape) - 1] or getattr(layer, "rms_scaling", False):
        raise unsupported(layer, f"axis {layer.axis}")
    scale = weight(layer.gamma) if layer.scale else np.ones(int(shape[-1] or 0))
    shift = [graph.constant(weight(layer.beta))] if layer.center else []
    return graph.add("LayerNormalization", x, graph.constant(scale), *shift, axis=-1, epsilon=layer.epsilon)


def normalization(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Fixed standardisation: (x - mean) / standard deviation."""
    import keras

    if layer.invert:
        raise unsupported(layer, "invert")
    spread = np.maximum(np.sqrt(weight(layer.variance)), keras.backend.epsilon())
    centred = graph.add("Sub", inputs[0].name, graph.constant(weight(layer.mean)))
    return graph.add("Div", centred, graph.constant(spread))


def rescaling(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Rescaling."""
    scaled = graph.add("Mul", inputs[0].name, graph.constant(np.asarray(layer.scale)))
    return graph.add("Add", scaled, graph.constant(np.asarray(layer.offset))) if np.any(layer.offset) else scaled


def cropping(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Cropping1D, Cropping2D."""
    check_channels_last(layer)
    x, shape = inputs[0]
    cut = layer.cropping if isinstance(layer.cropping[0], tuple | list) else (layer.cropping,)
    starts = [before for before, _ in cut]
    ends = [int(size or 0) - after for size, (_, after) in zip(shape[1:], cut, strict=False)]
    axes = range(1, len(cut) + 1)
    return graph.add("Slice", x, graph.integers(*starts), graph.integers(*ends), graph.integers(*axes))


def concatenate(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Concatenate."""
    return graph.add("Concat", *(x.name for x in inputs), axis=layer.axis)


def repeated(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """RepeatVector."""
    single = graph.add("Unsqueeze", inputs[0].name, graph.integers(1))
    return graph.add("Tile", single, graph.integers(1, layer.n, 1))


def merged(operator: str) -> Translate:
    """Add, Subtract, … of several inputs, one after the other."""

    def translate(graph: Graph, _: Any, inputs: list[Value]) -> str:
        result = inputs[0].name
        for other in inputs[1:]:
            result = graph.add(operator, result, other.name)
        return result

    return translate


def unary(operator: str) -> Translate:
    """An operation of `keras.ops` on each value."""
    return lambda graph, _, inputs: graph.each(inputs[0].name, lambda x: graph.add(operator, x))


def attention(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """MultiHeadAttention over the second axis, without a mask: (batch, position, head, column)."""
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 else value
    if any(len(x.shape) != 3 for x in inputs) or getattr(layer, "use_gate", False):
        raise unsupported(layer, "other axes, or a gate")
    q, k, v = (
        einsum_dense(graph, part, [x])
        for part, x in ((layer.query_dense, query), (layer.key_dense, key), (layer.value_dense, value))
    )
    scaled = graph.add("Mul", graph.transpose(q, (0, 2, 1, 3)), graph.constant(layer.key_dim**-0.5))
    weights = graph.add("Softmax", graph.add("MatMul", scaled, graph.transpose(k, (0, 2, 3, 1))), axis=-1)
    seen = graph.add("MatMul", weights, graph.transpose(v, (0, 2, 1, 3)))
    width = layer.value_dim
    together = Value(graph.transpose(seen, (0, 2, 1, 3)), (*query.shape[:2], layer.num_heads, width))
    return einsum_dense(graph, layer.output_dense, [together])


LAYERS: dict[str, Translate] = {
    "Activation": activation, "Softmax": softmax, "ReLU": relu,
    "Dense": dense, "EinsumDense": einsum_dense, "MultiHeadAttention": attention,
    "Conv1D": convolution, "Conv2D": convolution, "DepthwiseConv2D": depthwise,
    "BatchNormalization": batch_normalization, "LayerNormalization": layer_normalization,
    "Normalization": normalization, "Rescaling": rescaling, "Resizing": resizing,
    "Flatten": flatten, "Permute": permute, "Reshape": reshape, "RepeatVector": repeated, "Concatenate": concatenate,
    "Cropping1D": cropping, "Cropping2D": cropping,
    **{f"{kind}Pooling{rank}D": pooling for kind in ("Max", "Average") for rank in (1, 2)},
    **{f"Global{kind}Pooling{rank}D": global_pooling for kind in ("Max", "Average") for rank in (1, 2)},
    **dict.fromkeys(("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "Identity"), same),
    "Add": merged("Add"), "Subtract": merged("Sub"), "Multiply": merged("Mul"),
    **{name: unary(name) for name in ("Exp", "Log", "Sqrt", "Tanh", "Sigmoid", "Relu")}, "Arcsinh": unary("Asinh"),
}  # fmt: skip
"""How a layer of Keras, or an operation of `keras.ops`, is converted, by the name of its class."""
