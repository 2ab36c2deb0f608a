"""The network of all families: small perceptrons on softly stepped inputs, in one Keras model.

Each input (a bin of a spectrum, a feature of a table) is standardised and passed through a few fixed steps (tanh at
different levels), so that the first layer sees "deeper than this level?" for every line. This is what lets decision
trees do well on a few hundred spectra, where a network on plain values learns their scatter. Only Keras' own layers
are used: the model is saved and loaded in safe mode and runs on every backend. Keras is imported inside functions.
"""

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.classifiers.augment import Augmentation, augmented, rows_of_epoch

F4 = npt.NDArray[np.float32]

SCATTER_FLOOR = 0.01
"""Added to each bin's standard deviation: bins without lines carry only noise, which must not be blown up."""


@dataclass(frozen=True)
class Design:
    """Sizes and training settings, as found by cross-validation grouped by star."""

    members: int = 8
    """Networks whose probabilities are averaged."""
    hidden: int = 32
    levels: int = 3
    """Steps per input, evenly spaced from -2 to 2 standard deviations."""
    sharpness: float = 2.0
    input_dropout: float = 0.5
    hidden_dropout: float = 0.5
    penalty: float = 1e-4
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    batch: int = 64


def build(inputs: F4, classes: int, design: Design, seed: int) -> tuple[Any, Any]:
    """Build the networks.

    Parameters
    ----------
    inputs
        Training rows (object, bin, width), for the standardisation.
    classes, design, seed
        Number of classes, sizes, and seed of weights and dropout.

    Returns
    -------
    tuple of keras.Model
        For training, (object, member, class); for use, (object, class). They share all weights.
    """
    import keras
    from keras import layers

    entry = keras.Input(inputs.shape[1:], name="inputs")
    steps = layers.Flatten()(_soft_steps(inputs, design)(entry))
    # One dropout for all members keeps the first layer a single matrix product; their weights differ.
    seen = layers.Dropout(design.input_dropout, seed=seed)(steps)
    hidden = _per_member("bi,ikh->bkh", design, design.hidden, seen.shape[-1], seed + 1)(seen)
    kept = layers.Dropout(design.hidden_dropout, seed=seed + 2)(layers.Activation("gelu")(hidden))
    logits = _per_member("bkh,khc->bkc", design, classes, design.hidden, seed + 3)(kept)
    each = layers.Softmax(name="members")(logits)
    mean = layers.GlobalAveragePooling1D(name="probability")(each)
    return keras.Model(entry, each), keras.Model(entry, mean)


def train(inputs: F4, labels: F4, design: Design, how: Augmentation, epochs: int, seed: int) -> tuple[Any, list[float]]:
    """Train on prepared rows (object, bin, width) and soft labels (object, class); gives each epoch's loss too."""
    import keras

    training, model = build(inputs, labels.shape[1], design, seed)
    examples = _examples(inputs, labels, design, how, seed)
    rate = keras.optimizers.schedules.CosineDecay(design.learning_rate, epochs * len(examples))
    optimizer = keras.optimizers.AdamW(rate, weight_decay=design.weight_decay)
    training.compile(optimizer, loss="categorical_crossentropy", jit_compile=jit())
    history = training.fit(examples, epochs=epochs, verbose=0, shuffle=False)
    return model, [float(loss) for loss in history.history["loss"]]


def prepare_for_use(model: Any) -> None:
    """Settle how `predict_on_batch` is compiled: once per batch shape."""
    # TensorFlow takes the networks of successive folds, each compiled once, for one that is compiled again and again.
    logging.getLogger("tensorflow").addFilter(_not_about_retracing)
    model.compile(jit_compile=jit())


def _not_about_retracing(record: logging.LogRecord) -> bool:
    return "tf.function retracing" not in record.getMessage()


def jit() -> bool:
    """Whether to compile with XLA: JAX is nothing without it; on TensorFlow it gained nothing on CPUs."""
    import keras

    return bool(keras.backend.backend() == "jax")


def _soft_steps(inputs: F4, design: Design) -> Any:
    """Standardise each bin, then pass it through the steps: (bin, width) to (bin * width, level)."""
    import keras
    from keras import layers

    mean = inputs.mean(axis=0, dtype=np.float64).ravel()
    scatter = inputs.std(axis=0, dtype=np.float64).ravel() + SCATTER_FLOOR
    place = np.linspace(-2, 2, design.levels)
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
                bias_initializer=keras.initializers.Constant((-design.sharpness * place).tolist()),
            ),
        ],
        name="soft_steps",
    )


def _per_member(equation: str, design: Design, outputs: int, fan_in: int, seed: int) -> Any:
    """A dense layer with weights of its own for each member."""
    import keras

    return keras.layers.EinsumDense(
        equation,
        (design.members, outputs),
        bias_axes=equation[-2:],
        kernel_initializer=keras.initializers.RandomNormal(stddev=fan_in**-0.5, seed=seed),
        kernel_regularizer=keras.regularizers.L2(design.penalty),
    )


def _examples(inputs: F4, labels: F4, design: Design, how: Augmentation, seed: int) -> Any:
    """Batches of one size, augmented anew in each epoch, by a generator of their own."""
    import keras

    rows = rows_of_epoch(labels, how.least_share)

    class Examples(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.random = np.random.default_rng(seed)
            self.on_epoch_end()

        def __len__(self) -> int:
            return -(-len(rows) // design.batch)

        def on_epoch_end(self) -> None:
            values, soft = augmented(inputs[rows], labels[rows], how, self.random)
            # The last batch is filled up from the start of the order: one batch shape, one compilation.
            order = np.resize(self.random.permutation(len(rows)), len(self) * design.batch)
            self.values, self.soft = values[order], np.repeat(soft[order, None], design.members, axis=1)

        def __getitem__(self, index: int) -> tuple[F4, F4]:
            span = slice(index * design.batch, (index + 1) * design.batch)
            return self.values[span], self.soft[span]

    return Examples()
