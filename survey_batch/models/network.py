"""The network of the ensemble families: small perceptrons on softly stepped inputs, in one Keras model.

Each input (a bin of a spectrum, a feature of a table) is standardised and passed through a few fixed steps (tanh at
different levels), so the first layer sees "deeper than this level?" for every line. Such thresholds let decision trees
do well on a few hundred spectra, where a network on plain values learns their scatter. Only Keras' own layers are used,
so the model can be saved and loaded in safe mode and runs on every backend. Keras is imported inside functions.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from survey_batch.core.arrays import F4
from survey_batch.models.preprocessing import mean_and_spread

SCATTER_FLOOR = 0.01
"""Added to each bin's standard deviation, so that the noise of bins without lines is not amplified."""


@dataclass(frozen=True)
class Design:
    """Sizes and regularisation, chosen by cross-validation grouped by star."""

    hidden: int = 32
    levels: int = 3
    """Steps per input, evenly spaced from -2 to 2 standard deviations."""
    sharpness: float = 2.0
    input_dropout: float = 0.5
    hidden_dropout: float = 0.5
    penalty: float = 1e-4


def build(inputs: F4, classes: int, members: int, design: Design, seed: int) -> tuple[Any, Any]:
    """Build the networks.

    Parameters
    ----------
    inputs
        Training rows (object, bin, width), for standardisation.
    classes, members
        Number of classes, and number of networks to average.
    design, seed
        Sizes, and seed of weights and dropout.

    Returns
    -------
    tuple of keras.Model
        One for training, with output (object, member, class); one for use, with output (object, class). They share all
        weights.
    """
    import keras
    from keras import layers

    entry = keras.Input(inputs.shape[1:], name="inputs")
    seen = stepped(entry, inputs, design, seed)
    hidden = per_member("bi,ikh->bkh", members, design.hidden, seen.shape[-1], seed + 1, design.penalty)(seen)
    kept = layers.Dropout(design.hidden_dropout, seed=seed + 2)(layers.Activation("gelu")(hidden))
    logits = per_member("bkh,khc->bkc", members, classes, design.hidden, seed + 3, design.penalty)(kept)
    each = layers.Softmax(name="members")(logits)
    mean = layers.GlobalAveragePooling1D(name="probability")(each)
    return keras.Model(entry, each), keras.Model(entry, mean)


def stepped(entry: Any, inputs: F4, design: Design, seed: int) -> Any:
    """Pass inputs, (object, bin, width), through the steps and the dropout before the first layer: (object, column)."""
    from keras import layers

    steps = layers.Flatten()(_soft_steps(inputs, design)(entry))
    # Sharing one dropout among members keeps the first layer a single matrix product; their weights differ.
    return layers.Dropout(design.input_dropout, seed=seed)(steps)


def _soft_steps(inputs: F4, design: Design) -> Any:
    """Standardise each bin, then pass it through the steps: (bin, width) to (bin * width, level)."""
    import keras
    from keras import layers

    mean, scatter = (part.ravel() for part in mean_and_spread(inputs))
    scatter = scatter + SCATTER_FLOOR
    levels = np.linspace(-2, 2, design.levels)
    return keras.Sequential(
        [
            keras.Input(inputs.shape[1:]),
            layers.Flatten(),
            layers.Normalization(mean=mean, variance=scatter**2),
            layers.Reshape((mean.size, 1)),
            layers.Dense(
                design.levels,
                activation="tanh",
                trainable=False,
                kernel_initializer=keras.initializers.Constant(design.sharpness),
                bias_initializer=keras.initializers.Constant((-design.sharpness * levels).tolist()),
            ),
        ],
        name="soft_steps",
    )


def per_member(
    equation: str, members: int, outputs: int, fan_in: int, seed: int, penalty: float = Design.penalty
) -> Any:
    """Make a dense layer with separate weights for each member."""
    import keras

    return keras.layers.EinsumDense(
        equation,
        (members, outputs),
        bias_axes=equation[-2:],
        kernel_initializer=keras.initializers.RandomNormal(stddev=fan_in**-0.5, seed=seed),
        kernel_regularizer=keras.regularizers.L2(penalty),
    )
