"""An ensemble of small networks in one Keras model: each has its own weights, batches and last epoch.

Kuntzer, Tewes & Courbin (2016, A&A 591, A54): networks with two hidden layers of sigmoid units and one output number.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.training_base import NetworkTraining
from survey_batch.core.arrays import F4
from survey_batch.models.fitting import Workspace

HIDDEN = (26, 26)
"""Units of the hidden layers."""

Pair = tuple[F4, F4]
"""Inputs (object, column) and the target number of each object."""


def build_ensemble(columns: int, members: int, seed: int) -> tuple[Any, Any]:
    """Build the networks.

    Returns
    -------
    tuple of keras.Model
        One for training, (object, member, column) to (object, member, 1), where each member has its own objects; one
        for use, (object, column) to (object, member). They share their weights.
    """
    import keras
    from keras import layers

    units = (*HIDDEN, 1)
    stack = [
        layers.EinsumDense(
            "bmi,mij->bmj", (members, width), bias_axes="mj", activation="sigmoid" if index < len(HIDDEN) else None
        )
        for index, width in enumerate(units)
    ]
    apart, together = keras.Input((members, columns)), keras.Input((columns,), name="scores")
    x, y = apart, layers.RepeatVector(members)(together)
    for layer in stack:
        x, y = layer(x), layer(y)
    for index, (layer, size) in enumerate(zip(stack, ((columns, HIDDEN[0]), HIDDEN, (HIDDEN[-1], 1)), strict=True)):
        # Keras would treat the members as the width of a convolution, and draw weights that are too small.
        drawn = [keras.initializers.GlorotNormal(seed=seed + 1000 * index + one)(size) for one in range(members)]
        layer.set_weights(
            [np.stack([keras.ops.convert_to_numpy(one) for one in drawn]), np.zeros((members, size[1]), np.float32)]
        )
    return keras.Model(apart, x), keras.Model(together, layers.Flatten()(y))


def train_ensemble(
    training: Any, model: Any, shown: Pair, held_out: Pair, section: NetworkTraining, seed: int, workspace: Workspace
) -> dict[str, list[float]]:
    """Train all members in place; each member gets the weights of its own best epoch.

    Parameters
    ----------
    training, model : keras.Model
        From `build_ensemble`.
    shown, held_out
        Training and validation objects. A member stops when its validation error has not fallen for
        `section.patience` epochs. With nothing held out, all members train for all epochs.
    section, seed
        Epochs, batch, learning rate and patience; the seed of each member's own shuffling.
    workspace
        Reports progress.

    Returns
    -------
    dict
        `loss` and `val_loss` of each epoch, means over members.
    """
    import keras

    members = training.output_shape[1]
    rate = keras.optimizers.Adam(section.learning_rate)
    # Summed over members, so that each member has the same gradient as if trained alone.
    training.compile(rate, loss=lambda true, answer: members * keras.ops.square(answer - true)[..., 0])
    history: dict[str, list[float]] = {"loss": []}
    best = Best(members, section.patience if len(held_out[0]) else 0)
    for epoch in range(section.epochs):
        inputs, targets = _shuffled(shown, members, section.batch, np.random.default_rng([seed, epoch]))
        done = training.fit(inputs, targets, batch_size=section.batch, epochs=1, shuffle=False, verbose=0)
        history["loss"].append(float(done.history["loss"][0]) / members)
        if best.patience:
            error = np.asarray(model.predict(held_out[0], batch_size=1024, verbose=0)) - held_out[1][:, None]
            losses = (error.astype(np.float64) ** 2).mean(axis=0)
            best.note(epoch, losses, model.get_weights())
            history.setdefault("val_loss", []).append(float(losses.mean()))
            if best.finished(epoch):
                break
        if epoch % 10 == 9:
            workspace.report(f"epoch {epoch + 1} of at most {section.epochs}: loss {history['loss'][-1]:.4f}")
    if best.weights:
        model.set_weights(best.weights)
    return history


class Best:
    """The best weights of each member so far, and which members have stopped."""

    def __init__(self, members: int, patience: int) -> None:
        self.patience = patience
        self.losses = np.full(members, np.inf)
        self.epochs = np.zeros(members, np.intp)
        self.weights: list[npt.NDArray[np.float32]] = []

    def note(self, epoch: int, losses: npt.NDArray[np.float64], weights: list[npt.NDArray[np.float32]]) -> None:
        """Store the weights, (member, …) each, of members that reach a new best and have not stopped."""
        better = (losses < self.losses) & (epoch - self.epochs < self.patience)
        self.weights = self.weights or [one.copy() for one in weights]
        for kept, now in zip(self.weights, weights, strict=True):
            kept[better] = now[better]
        self.losses[better], self.epochs[better] = losses[better], epoch

    def finished(self, epoch: int) -> bool:
        """Tell whether all members have stopped."""
        return bool((epoch - self.epochs >= self.patience).all())


def _shuffled(shown: Pair, members: int, batch: int, random: np.random.Generator) -> Pair:
    """Make an epoch's inputs (row, member, column) and targets (row, member, 1), each member in its own order."""
    rows = -(-len(shown[0]) // batch) * batch
    order = np.stack([np.resize(random.permutation(len(shown[0])), rows) for _ in range(members)], axis=1)
    return shown[0][order], shown[1][order][..., None]
