"""Monitoring of a training: validation loss, best weights, checkpoints, progress reports."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core import interrupt
from survey_batch.core.errors import ConfigurationError, SurveyBatchError
from survey_batch.models.artifact import read_arrays, write_arrays
from survey_batch.models.examples import Examples, Schedule
from survey_batch.models.fitting import Workspace
from survey_batch.models.gaussian import LOSS, losses

History = dict[str, list[float]]

REPORT_SECONDS = 5.0
"""Minimum time between two progress reports."""
SMALLEST = 1e-7
"""The loss raises smaller probabilities to this value, as Keras does."""
STATE, LAST, BEST = "state.json", "last.weights.h5", "best.npz"
"""Files of a checkpoint; the names of the last two begin with its epoch number."""


@dataclass
class Progress:
    """The progress of a training, which a checkpoint holds besides the weights."""

    epoch: int = 0
    """Epochs done."""
    history: History = field(default_factory=dict)
    best: int = -1
    """Epoch with the lowest validation loss so far, counted from 0; -1 before the first."""


@dataclass
class TrainingMonitor:
    """Monitors one training of a compiled model."""

    model: Any
    validation: Examples | None
    schedule: Schedule
    workspace: Workspace
    loss: str
    progress: Progress = field(default_factory=Progress)
    best_weights: list[Any] | None = None
    saved: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        late = self.progress.epoch - 1 - self.progress.best
        out_of_patience = self.schedule.patience and self.progress.best >= 0 and late >= self.schedule.patience
        return bool(self.progress.epoch >= self.schedule.epochs or out_of_patience)

    def end_of_epoch(self, loss: float) -> None:
        """Record an epoch; stop the training if it is finished."""
        history = self.progress.history
        history.setdefault("loss", []).append(loss)
        if self.validation is not None:
            held_out = validation_loss(self.model, self.validation, self.schedule, self.loss)
            history.setdefault("val_loss", []).append(held_out)
            if self.progress.best < 0 or history["val_loss"][-1] < history["val_loss"][self.progress.best]:
                self.progress.best = self.progress.epoch
                self.best_weights = self.model.get_weights() if self.schedule.patience else None
        self.progress.epoch += 1
        self.model.stop_training = self.finished
        self._tell()
        self._save()
        interrupt.check()

    def restore_best(self) -> None:
        """Give the model the weights of its best epoch."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)

    def callback(self) -> Any:
        """Wrap the monitor for Keras, whose own callbacks forget their state when training stops."""
        import keras

        watch = self

        class Callback(keras.callbacks.Callback):  # type: ignore[misc]
            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
                watch.end_of_epoch(float((logs or {})["loss"]))

        return Callback()

    def _tell(self) -> None:
        if time.monotonic() - self.told < REPORT_SECONDS and not self.finished:
            return
        self.told = time.monotonic()
        history, best = self.progress.history, self.progress.best
        text = f"epoch {self.progress.epoch} of {self.schedule.epochs}: loss {history['loss'][-1]:.4f}"
        if self.validation is not None:
            text += f", held out {history['val_loss'][-1]:.4f} (best {history['val_loss'][best]:.4f}, epoch {best + 1})"
        self.workspace.report(text)

    def _save(self) -> None:
        due = time.monotonic() - self.saved >= self.workspace.seconds
        if self.workspace.folder is None or not (due or self.finished):
            return
        self.saved = time.monotonic()
        write_checkpoint(self.workspace.folder, self.model, self.progress, self.best_weights)

    def load(self) -> None:
        """Resume from a checkpoint, if there is one."""
        if self.workspace.folder is None:
            return
        found = read_checkpoint(self.workspace.folder, self.model)
        if found is not None:
            self.progress, self.best_weights = found


def write_checkpoint(folder: Path, model: Any, progress: Progress, best: list[Any] | None) -> None:
    """Write weights, the optimizer's state and progress; `state.json`, which names the epoch, is written last."""
    number = progress.epoch
    folder.mkdir(parents=True, exist_ok=True)
    model.save_weights(folder / f"{number}.{LAST}")
    if best is not None:
        write_arrays(folder / f"{number}.{BEST}", {f"{index:05d}": weights for index, weights in enumerate(best)})
    temporary = folder / f"{STATE}.new"
    seeds = [np.asarray(variable).tolist() for variable in _seed_states(model)]
    state = {"epoch": number, "history": progress.history, "best": progress.best, "seeds": seeds}
    temporary.write_text(json.dumps(state), encoding="utf-8")
    temporary.replace(folder / STATE)
    for old in (*folder.glob(f"*.{LAST}"), *folder.glob(f"*.{BEST}")):
        if not old.name.startswith(f"{number}."):
            old.unlink()


def read_checkpoint(folder: Path, model: Any) -> tuple[Progress, list[Any] | None] | None:
    """Load a checkpoint into a compiled model; return None if there is no checkpoint.

    Raises
    ------
    ConfigurationError
        The checkpoint is damaged.
    """
    if not (folder / STATE).exists():
        return None
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        number = state["epoch"]
        best = None
        if (path := folder / f"{number}.{BEST}").exists():
            best = [weights for _, weights in sorted(read_arrays(path).items())]
        model.optimizer.build(model.trainable_variables)
        model.load_weights(folder / f"{number}.{LAST}")
        for variable, value in zip(_seed_states(model), state["seeds"], strict=True):
            variable.assign(value)
        return Progress(number, state["history"], state["best"]), best
    except (OSError, ValueError, KeyError, TypeError, SurveyBatchError) as error:
        raise ConfigurationError(
            f"the checkpoint in {folder} is damaged ({error}): remove {folder} and train again, from the beginning"
        ) from error


def _seed_states(model: Any) -> list[Any]:
    """Find the states of dropout's random generators, which Keras does not save with the weights."""
    weights = {id(variable) for variable in model.weights}
    return [variable for variable in model.variables if id(variable) not in weights]


def validation_loss(model: Any, examples: Examples, schedule: Schedule, loss: str) -> float:
    """Compute a model's weighted mean loss on examples, without augmentation."""
    rows, total, weights = examples.order, 0.0, 0.0
    for start in range(0, len(rows), schedule.batch):
        chosen = rows[start : start + schedule.batch]
        values, targets, weight = examples.batch(np.resize(chosen, schedule.batch))
        each = _losses(np.asarray(model.predict_on_batch(values), np.float64), targets, loss)[: len(chosen)]
        total += float(np.sum(each * weight[: len(chosen)]))
        weights += float(np.sum(weight[: len(chosen)]))
    return total / weights


def _losses(answer: npt.NDArray[Any], targets: npt.NDArray[Any], loss: str) -> npt.NDArray[Any]:
    """Compute the loss of each row."""
    if loss == "mse":
        each = (answer - targets) ** 2
    elif loss == LOSS:
        each = losses(targets, answer)
    else:
        each = -np.sum(targets * np.log(np.clip(answer, SMALLEST, 1)), axis=-1)
    return np.asarray(each.reshape(len(each), -1).mean(axis=1))
