import json

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import training_monitor
from survey_batch.models.examples import Examples, Schedule
from survey_batch.models.fitting import Workspace
from survey_batch.models.trainer import train_network
from survey_batch.models.training_monitor import STATE, validation_loss

ROWS, COLUMNS, CLASSES = 60, 5, 3


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(1)
    number = np.arange(ROWS) % CLASSES
    values = (np.eye(CLASSES, COLUMNS)[number] + 0.7 * random.normal(size=(ROWS, COLUMNS))).astype(np.float32)
    return values, np.eye(CLASSES, dtype=np.float32)[number]


def noisy(values, targets, random):
    return values + 0.1 * random.normal(size=values.shape).astype(np.float32), targets


def network():
    import keras
    from keras import layers

    entry = keras.Input((COLUMNS,))
    hidden = layers.Dense(8, activation="relu", kernel_initializer=keras.initializers.GlorotUniform(seed=2))(entry)
    kept = layers.Dropout(0.3, seed=5)(hidden)
    softmax = layers.Dense(CLASSES, activation="softmax", kernel_initializer=keras.initializers.GlorotUniform(seed=3))
    return keras.Model(entry, softmax(kept))


class StopError(Exception):
    pass


def stopping_at(epoch):
    """Stop the training when it reports an epoch."""

    def report(text):
        if text.startswith(f"epoch {epoch} "):
            raise StopError

    return report


def test_a_training_that_was_stopped_ends_like_one_that_was_not(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(training_monitor, "REPORT_SECONDS", 0)
    schedule = Schedule(epochs=6, batch=16, learning_rate=0.02, decay="cosine", weight_decay=0.01)
    whole = network()
    history = train_network(whole, Examples(*rows, augment=noisy), schedule)
    workspace = Workspace(tmp_path, report=stopping_at(4), seconds=0)
    with pytest.raises(StopError):
        train_network(network(), Examples(*rows, augment=noisy), schedule, workspace=workspace)
    assert json.loads((tmp_path / STATE).read_text())["epoch"] == 3
    said = []
    resumed = network()
    workspace = Workspace(tmp_path, report=said.append, seconds=0)
    again = train_network(resumed, Examples(*rows, augment=noisy), schedule, workspace=workspace)
    assert said[0] == "continuing after epoch 3"
    assert again["loss"] == pytest.approx(history["loss"], rel=1e-6)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_the_best_weights_are_restored_once_patience_is_over(rows):
    values, targets = rows
    wrong = Examples(values, targets[::-1].copy())
    schedule = Schedule(epochs=50, batch=16, learning_rate=0.05, patience=3)
    model = network()
    history = train_network(model, Examples(values, targets), schedule, validation=wrong)
    best = int(np.argmin(history["val_loss"]))
    assert len(history["val_loss"]) == best + 1 + 3, "ends three epochs after the best"
    assert validation_loss(model, wrong, schedule, "categorical_crossentropy") == pytest.approx(
        history["val_loss"][best], rel=1e-5
    )


def test_the_best_weights_survive_a_stop(rows, tmp_path):
    values, targets = rows
    wrong = Examples(values, targets[::-1].copy())
    schedule = Schedule(epochs=50, batch=16, learning_rate=0.05, patience=3)
    whole = network()
    train_network(whole, Examples(values, targets), schedule, validation=wrong)
    workspace = Workspace(tmp_path, seconds=0)
    train_network(network(), Examples(values, targets), schedule, validation=wrong, workspace=workspace)
    again = network()
    train_network(again, Examples(values, targets), schedule, validation=wrong, workspace=workspace)
    for ours, theirs in zip(again.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_the_same_seed_trains_the_same_weights_and_another_others(rows):
    weights = []
    for seed in (1, 1, 2):
        model = network()
        train_network(model, Examples(*rows, augment=noisy), Schedule(epochs=2, batch=16, seed=seed))
        weights.append(model.get_weights()[0])
    np.testing.assert_array_equal(weights[0], weights[1])
    assert np.any(weights[0] != weights[2])


@pytest.mark.slow
def test_inputs_mapped_from_a_file_train_the_same_weights(rows, tmp_path):
    np.save(tmp_path / "inputs.npy", rows[0])
    models = [network(), network()]
    for model, inputs in zip(models, (rows[0], np.load(tmp_path / "inputs.npy", mmap_mode="r")), strict=True):
        train_network(model, Examples(inputs, rows[1]), Schedule(epochs=2, batch=16))
    np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])


@pytest.mark.parametrize("spoil", ["", "{}", '{"epoch": 2, "history": {}, "best": -1, "seeds": []}'])
def test_a_damaged_checkpoint_is_named(rows, tmp_path, spoil):
    workspace = Workspace(tmp_path, seconds=0)
    train_network(network(), Examples(*rows), Schedule(epochs=2, batch=16), workspace=workspace)
    (tmp_path / STATE).write_text(spoil)
    for weights in tmp_path.glob("*.weights.h5"):
        weights.write_bytes(b"cut short")
    with pytest.raises(ConfigurationError, match=r"is damaged .*: remove .* and train again"):
        train_network(network(), Examples(*rows), Schedule(epochs=4, batch=16), workspace=workspace)
