"""Convolutions, pooling and batch normalisation of Keras as ONNX operators, which want channels before pixels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.models.engines.graph import Graph, Value
from survey_batch.models.engines.parts import activated, check_channels_last, unsupported, weight


def convolution(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Conv1D, Conv2D: kernels (…, channel, filter) become (filter, channel, …)."""
    kernel = np.moveaxis(weight(layer.kernel), (-1, -2), (0, 1))
    return _convolved(graph, layer, inputs[0], kernel, layer.groups)


def depthwise(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """DepthwiseConv2D: kernels (y, x, channel, multiple) become (channel * multiple, 1, y, x)."""
    kernel = weight(layer.kernel)
    spread = np.moveaxis(kernel, (-2, -1), (0, 1)).reshape(-1, 1, *kernel.shape[:2])
    return _convolved(graph, layer, inputs[0], spread, kernel.shape[-2])


def _convolved(graph: Graph, layer: Any, x: Value, kernel: npt.NDArray[Any], groups: int) -> str:
    extra = [] if layer.bias is None else [graph.constant(weight(layer.bias))]
    how = {"group": groups, "strides": list(layer.strides), "dilations": list(layer.dilation_rate)}
    return activated(
        graph, layer, _first(graph, layer, x, "Conv", graph.constant(kernel), *extra, auto_pad=_padding(layer), **how)
    )


def pooling(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """MaxPooling1D, AveragePooling2D, …; an average leaves the padding out, as in Keras."""
    operator = "MaxPool" if type(layer).__name__.startswith("Max") else "AveragePool"
    how = {"kernel_shape": list(layer.pool_size), "strides": list(layer.strides), "auto_pad": _padding(layer)}
    return _first(graph, layer, inputs[0], operator, **how)


def global_pooling(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """GlobalMaxPooling1D, GlobalAveragePooling2D and their like."""
    check_channels_last(layer)
    operator = "ReduceMax" if "Max" in type(layer).__name__ else "ReduceMean"
    axes = graph.integers(*range(1, len(inputs[0].shape) - 1))
    return graph.add(operator, inputs[0].name, axes, keepdims=int(layer.keepdims))


def _first(graph: Graph, layer: Any, x: Value, operator: str, *others: str, **how: Any) -> str:
    """Run an operator that wants the channels before the pixels."""
    check_channels_last(layer)
    last = len(x.shape) - 1
    given = graph.transpose(x.name, [0, last, *range(1, last)])
    return graph.transpose(graph.add(operator, given, *others, **how), [0, *range(2, last + 1), 1])


def _padding(layer: Any) -> str:
    if layer.padding not in ("same", "valid"):
        raise unsupported(layer, f"padding {layer.padding!r}")
    return "SAME_UPPER" if layer.padding == "same" else "VALID"


def batch_normalization(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """BatchNormalization over the channels, with the moving mean and variance."""
    mean, rank = weight(layer.moving_mean), len(inputs[0].shape)
    if layer.axis not in (-1, rank - 1):
        raise unsupported(layer, f"axis {layer.axis}")
    scale = weight(layer.gamma) if layer.scale else np.ones_like(mean)
    shift = weight(layer.beta) if layer.center else np.zeros_like(mean)
    arrays = [graph.constant(values) for values in (scale, shift, mean, weight(layer.moving_variance))]
    return _first(graph, layer, inputs[0], "BatchNormalization", *arrays, epsilon=layer.epsilon)


def resizing(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """Resizing, bilinear between the centres of pixels."""
    if layer.interpolation != "bilinear" or layer.antialias or layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio:
        raise unsupported(layer, "anything but plain bilinear interpolation")
    size = graph.integers(layer.height, layer.width)
    return _first(
        graph, layer, inputs[0], "Resize", "", "", size,
        mode="linear", coordinate_transformation_mode="half_pixel", axes=[2, 3],
    )  # fmt: skip
