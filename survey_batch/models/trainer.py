"""Training of a Keras model: batches of one size, early stopping, checkpoints, and resuming after a stop.

The rows of an epoch depend only on the seed and the epoch number, so a training that is stopped and resumed ends like
one that never stopped. Keras is imported inside functions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.models.examples import Augment, Examples, Schedule
from survey_batch.models.fitting import Workspace
from survey_batch.models.gaussian import LOSS, keras_loss
from survey_batch.models.training_monitor import History, TrainingMonitor

__all__ = ["Augment", "Examples", "History", "Schedule", "jit", "train_network"]

OWN_LOSSES: dict[str, Any] = {LOSS: keras_loss}
"""Losses that Keras does not have."""


def train_network(
    model: Any,
    examples: Examples,
    schedule: Schedule,
    *,
    validation: Examples | None = None,
    workspace: Workspace | None = None,
    loss: str = "categorical_crossentropy",
) -> History:
    """Train a model in place.

    Parameters
    ----------
    model : keras.Model
        Not compiled yet. Its output has the shape of the targets.
    examples, schedule
        The training examples, and how to train on them.
    validation
        Examples whose loss decides when to stop, if the schedule has a patience. The weights of the best epoch are then
        restored.
    workspace
        Its folder receives checkpoints after epochs. Training resumes from a checkpoint that is already there; it must
        be of the same model and schedule.
    loss
        `categorical_crossentropy`, `mse` or `gaussian`.

    Returns
    -------
    dict
        `loss` of each epoch, and `val_loss` if there is validation.
    """
    workspace = workspace or Workspace()
    batches = -(-len(examples.order) // schedule.batch)
    model.compile(_optimizer(schedule, batches), loss=OWN_LOSSES.get(loss, loss), jit_compile=jit())
    watch = TrainingMonitor(model, validation, schedule, workspace, loss)
    watch.load()
    if watch.progress.epoch:
        workspace.report(f"continuing after epoch {watch.progress.epoch}")
    if not watch.finished:
        shown = _batches(examples, schedule, batches, watch.progress.epoch)
        first = watch.progress.epoch
        model.fit(
            shown, epochs=schedule.epochs, initial_epoch=first, verbose=0, shuffle=False, callbacks=[watch.callback()]
        )
    watch.restore_best()
    return watch.progress.history


def jit() -> bool:
    """Tell whether to compile with XLA: JAX needs it; on TensorFlow it gained nothing on CPUs."""
    import keras

    return bool(keras.backend.backend() == "jax")


def _optimizer(schedule: Schedule, batches: int) -> Any:
    import keras

    rate: Any = schedule.learning_rate
    steps = schedule.epochs * batches
    if schedule.decay == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, steps)
    elif schedule.decay == "linear":
        rate = keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    if schedule.weight_decay:
        return keras.optimizers.AdamW(rate, weight_decay=schedule.weight_decay)
    return keras.optimizers.Adam(rate)


def _batches(examples: Examples, schedule: Schedule, batches: int, first_epoch: int) -> Any:
    """Make batches of one size, each augmented with its own random generator."""
    import keras

    rows = examples.order

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.epoch = first_epoch
            self._shuffle()

        def _shuffle(self) -> None:
            order = np.random.default_rng([schedule.seed, self.epoch]).permutation(len(rows))
            # The last batch is filled up from the start of the order: one batch shape, one compilation.
            self.order = np.resize(rows[order], batches * schedule.batch)

        def __len__(self) -> int:
            return batches

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self._shuffle()

        def __getitem__(self, index: int) -> tuple[npt.NDArray[Any], ...]:
            # Sorted, because neighbouring rows of a file are read faster.
            chosen = np.sort(self.order[index * schedule.batch : (index + 1) * schedule.batch])
            values, targets, weight = examples.batch(chosen)
            if examples.augment is not None:
                random = np.random.default_rng([schedule.seed, self.epoch, index])
                values, targets = examples.augment(values, targets, random)
            if examples.weight is None:
                return values, targets
            outputs = (len(weight), *[1] * (targets.ndim - 2))
            return values, targets, np.broadcast_to(weight.reshape(outputs), targets.shape[:-1])

    return Batches()
