"""When a training ends, what it keeps, and the loss on rows held out."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.models import training_monitor
from survey_batch.models.examples import Examples, Schedule
from survey_batch.models.fitting import Workspace
from survey_batch.models.training_monitor import TrainingMonitor, validation_loss

ROWS, COLUMNS, CLASSES = 60, 5, 3


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(1)
    number = np.arange(ROWS) % CLASSES
    values = (np.eye(CLASSES, COLUMNS)[number] + 0.7 * random.normal(size=(ROWS, COLUMNS))).astype(np.float32)
    return values, np.eye(CLASSES, dtype=np.float32)[number]


class Model:
    """A model of fixed probabilities, whose weights tell how often they were set."""

    stop_training = False

    def __init__(self):
        self.weights = 0

    def predict_on_batch(self, values):
        exponent = np.exp(values[:, :CLASSES].astype(np.float64))
        return exponent / exponent.sum(axis=1, keepdims=True)

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


def monitor(losses, monkeypatch, said=None, validation="rows", **schedule):
    """A monitor of a training whose validation losses are given."""
    coming = iter(losses)
    monkeypatch.setattr(training_monitor, "validation_loss", lambda *_: next(coming))
    place = Workspace(report=(said if said is not None else []).append)
    return TrainingMonitor(Model(), validation, Schedule(**schedule), place, "mse")


def train(watch):
    """Go through epochs until the monitor stops the training."""
    while not watch.model.stop_training:
        watch.model.weights = watch.progress.epoch
        watch.end_of_epoch(1.0)
    return watch.progress


def test_a_training_ends_after_its_epochs(monkeypatch):
    watch = monitor([], monkeypatch, validation=None, epochs=3)
    assert train(watch).epoch == 3
    assert watch.progress.history == {"loss": [1.0] * 3}
    watch.restore_best()
    assert watch.model.weights == 2, "without rows held out there is no best"


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.integers(1, 5))
def test_a_training_ends_when_patience_is_over_and_keeps_its_best_epoch(losses, patience):
    with pytest.MonkeyPatch.context() as patch:
        watch = monitor(losses, patch, epochs=len(losses), patience=patience)
        done = train(watch)
    seen = losses[: done.epoch]
    best = seen.index(min(seen))
    assert done.best == best
    assert done.epoch == min(len(losses), best + 1 + patience)
    watch.restore_best()
    assert watch.model.weights == best


def test_progress_is_told_now_and_then_and_at_the_end(monkeypatch):
    now, said = [0.0], []
    monkeypatch.setattr(training_monitor.time, "monotonic", lambda: now[0])
    watch = monitor([0.5, 0.25, 0.75], monkeypatch, said, epochs=3)
    watch.told = 0.0
    for seconds in (0.0, training_monitor.REPORT_SECONDS, 0.0):
        now[0] += seconds
        watch.end_of_epoch(2.0)
    assert said == [
        "epoch 2 of 3: loss 2.0000, held out 0.2500 (best 0.2500, epoch 2)",
        "epoch 3 of 3: loss 2.0000, held out 0.7500 (best 0.2500, epoch 2)",
    ]


def test_the_validation_loss_is_the_weighted_mean_of_all_rows(rows):
    values, targets = rows
    weight = np.linspace(0.5, 1.5, ROWS).astype(np.float32)
    model, schedule = Model(), Schedule(epochs=1, batch=16)
    answer = model.predict_on_batch(values)
    expected = np.average(-np.log(answer[targets == 1]), weights=weight)
    found = validation_loss(model, Examples(values, targets, weight=weight), schedule, "categorical_crossentropy")
    assert found == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_quantities_is_their_likelihood(rows):
    values, _ = rows
    answer = np.tile(np.array([1.0, 0.5], np.float32), (ROWS, 1))
    model = SimpleNamespace(predict_on_batch=lambda batch: answer[: len(batch)])
    targets = np.tile(np.array([[1.0], [2.0]], np.float32), (ROWS // 2, 1))
    found = validation_loss(model, Examples(values, targets), Schedule(epochs=1, batch=16), "gaussian")
    assert found == pytest.approx(np.log(0.5) + (0 + 4) / 2 / 2)


def test_a_squared_loss_is_the_mean_over_rows_and_classes(rows):
    values, targets = rows
    found = validation_loss(Model(), Examples(values, targets), Schedule(epochs=1, batch=7), "mse")
    assert found == pytest.approx(np.mean((Model().predict_on_batch(values) - targets) ** 2))
