"""The layers of keras-hub's vision transformer as ONNX operators."""

from typing import Any

from survey_batch.models.engines.convolutions import convolution
from survey_batch.models.engines.graph import Graph, Value
from survey_batch.models.engines.layers import attention, dense, layer_normalization
from survey_batch.models.engines.parts import Translate, check_channels_last, weight


def patches(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """ViTPatchingAndEmbedding: the embedded patches, after the class token if there is one, with their positions."""
    check_channels_last(layer)
    embedded = convolution(graph, layer.patch_embedding, inputs)
    rows = graph.add("Reshape", embedded, graph.integers(0, layer.num_patches, layer.hidden_dim))
    position = weight(layer.position_embedding.embeddings)[None].copy()
    if layer.use_class_token:
        rows = graph.add("Pad", rows, graph.integers(0, 1, 0, 0, 0, 0))
        position[:, 0] += weight(layer.class_token)[0, 0]
    return graph.add("Add", rows, graph.constant(position))


def encoder(graph: Graph, layer: Any, inputs: list[Value]) -> str:
    """ViTEncoder: blocks of attention and two dense layers, each beside what it changes."""
    x = inputs[0]
    for block in layer.encoder_layers:
        seen = x._replace(name=layer_normalization(graph, block.layer_norm_1, [x]))
        x = x._replace(name=graph.add("Add", attention(graph, block.mha, [seen, seen]), x.name))
        hidden = x._replace(name=layer_normalization(graph, block.layer_norm_2, [x]))
        hidden = hidden._replace(name=dense(graph, block.mlp.dense_1, [hidden]))
        x = x._replace(name=graph.add("Add", x.name, dense(graph, block.mlp.dense_2, [hidden])))
    return layer_normalization(graph, layer.layer_norm, [x])


LAYERS: dict[str, Translate] = {"ViTPatchingAndEmbedding": patches, "ViTEncoder": encoder}
"""How a layer of keras-hub is converted, by the name of its class."""
