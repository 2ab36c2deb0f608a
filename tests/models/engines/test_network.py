"""A network means the same as an ONNX graph."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.engines.network import network_graph
from tests.models.engines.networks import MADE, make

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def answers(model, inputs):
    """What ONNX Runtime makes of the converted network."""
    graph, entry, output = network_graph(model)
    written = graph.write({entry.name: entry.shape}, {"outputs": output}, {"said": "this"})
    assert {part.key: part.value for part in written.metadata_props} == {"said": "this"}
    session = onnxruntime.InferenceSession(written.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["outputs"], {entry.name: inputs})[0], written


@pytest.mark.parametrize("batch", [None, 6])
@pytest.mark.parametrize("name", ["convolution", "image-vit"])
def test_openvino_is_not_led_into_its_error_with_reordered_axes(name, batch):
    openvino = pytest.importorskip("openvino")
    model, inputs = make(name)
    graph, entry, output = network_graph(model)
    core = openvino.Core()
    read = core.read_model(graph.write({entry.name: entry.shape}, {"outputs": output}, {}).SerializeToString())
    read.reshape([batch or -1, *inputs.shape[1:]])
    compiled = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(compiled(inputs)[0], np.asarray(model(inputs)), atol=1e-5)


@pytest.mark.parametrize("name", list(MADE))
def test_every_family_s_network_answers_the_same(name):
    model, inputs = make(name)
    expected = np.asarray(model(inputs))
    assert np.ptp(expected, axis=0).max() > 1e-4  # the rows differ
    got, _ = answers(model, inputs)
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_layers_with_other_settings_than_ours_answer_the_same():
    import keras
    from keras import layers

    keras.utils.set_random_seed(2)
    entry = keras.Input((12, 10, 4))
    x = layers.Conv2D(6, (3, 2), strides=(2, 1), padding="same", groups=2, activation="tanh")(entry)
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="elu")(x)
    x = layers.BatchNormalization(center=False, axis=-1)(x)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    x = layers.LayerNormalization(scale=False)(x)
    y = layers.Multiply()([x, layers.Activation("softplus")(x), layers.SpatialDropout2D(0.2)(x)])
    y = keras.Sequential([layers.Rescaling(2.0, offset=0.5), layers.Dense(5, activation="silu")])(y)
    y = layers.Reshape((15, 5))(keras.ops.log(keras.ops.exp(y)))
    y = layers.MultiHeadAttention(2, 3, value_dim=4)(y, layers.Cropping1D((1, 2))(y))
    y = layers.EinsumDense("abc,cd->abd", (15, 3), bias_axes="d", activation="selu")(y)
    parts = [layers.GlobalMaxPooling1D()(y), layers.GlobalAveragePooling2D()(x), layers.Flatten()(y)]
    inner = keras.Model(entry, layers.Concatenate()(parts))
    outer = keras.Input((12, 10, 4))
    model = keras.Model(outer, layers.Softmax()(layers.Dense(4)(inner(outer))))
    inputs = np.random.default_rng(1).normal(size=(5, 12, 10, 4)).astype(np.float32)
    got, _ = answers(model, inputs)
    np.testing.assert_allclose(got, np.asarray(model(inputs)), atol=1e-5)


def test_convolutions_one_after_another_reorder_the_axes_once():
    model, inputs = make("psf-star")
    _, written = answers(model, inputs)
    assert sum(node.op_type == "Transpose" for node in written.graph.node) == 2


def test_what_cannot_be_converted_is_named():
    import keras
    from keras import layers

    entry = keras.Input((8, 3))
    for layer, named in (
        (layers.LSTM(2, name="memory"), "'memory' (keras layer LSTM)"),
        (layers.Conv1D(2, 3, padding="causal", name="late"), "padding 'causal'"),
        (layers.Conv1D(2, 3, data_format="channels_first", name="turned"), "channels first"),
        (layers.ReLU(6.0), "a largest value"),
        (layers.Dense(2, activation="mish"), "the activation mish"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            network_graph(keras.Model(entry, layer(entry)))
        assert named in str(caught.value)
    with pytest.raises(ConfigurationError, match="several inputs"):
        network_graph(keras.Model([entry, other := keras.Input((8, 3))], layers.Add()([entry, other])))


def test_a_layer_from_elsewhere_is_not_taken_for_keras_own_of_that_name():
    import keras

    class Dense(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    entry = keras.Input((8,))
    with pytest.raises(ConfigurationError, match="layer Dense"):
        network_graph(keras.Model(entry, Dense()(entry)))
