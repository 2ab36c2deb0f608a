import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.models.fitting import Workspace
from survey_batch.models.joint_ensemble import Best, build_ensemble, train_ensemble

pytestmark = pytest.mark.slow

SECTION = StampTraining(classifier="-", variant="pca-mlp", epochs=12, patience=3, learning_rate=0.02)
NOTHING = (np.zeros((0, 3), np.float32), np.zeros(0, np.float32))


def pair(rows, seed=1):
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((rows, 3)).astype(np.float32)
    return inputs, (2 + inputs[:, 0]).astype(np.float32)


def test_each_member_has_the_published_weights():
    _, model = build_ensemble(24, 2, seed=1)
    assert model.count_params() == 2 * 1379


def test_members_differ_and_answer_for_themselves():
    training, model = build_ensemble(3, 4, seed=1)
    inputs = pair(5)[0]
    answers = np.asarray(model.predict_on_batch(inputs))
    apart = np.asarray(training.predict_on_batch(np.repeat(inputs[:, None], 4, axis=1)))
    assert answers.shape == (5, 4)
    assert np.ptp(answers, axis=1).min() > 0
    np.testing.assert_allclose(apart[..., 0], answers, rtol=1e-5)


def test_a_member_learns_as_it_would_in_a_committee_of_one():
    histories = []
    for members in (1, 3):
        training, model = build_ensemble(3, members, seed=5)
        train_ensemble(training, model, pair(64), NOTHING, SECTION, 1, Workspace())
        histories.append(np.asarray(model.predict_on_batch(pair(9, seed=2)[0]))[:, 0])
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-3)


def test_it_learns():
    training, model = build_ensemble(3, 3, seed=1)
    history = train_ensemble(training, model, pair(256), pair(64, seed=3), SECTION, 1, Workspace())
    assert history["val_loss"][-1] < 0.5 * history["val_loss"][0]
    assert len(history["loss"]) == len(history["val_loss"]) <= 12


def test_each_member_keeps_its_own_best_weights_until_its_patience_ends():
    best = Best(2, 2)
    for epoch, losses in enumerate([(1.0, 5.0), (2.0, 4.0), (3.0, 3.0), (0.5, 2.0)]):
        best.note(epoch, np.array(losses), [np.array([[epoch], [epoch]], np.float32)])
    assert best.weights[0].ravel().tolist() == [0, 3]
    assert not best.finished(4)
    assert best.finished(5)


@pytest.mark.parametrize("rows", [1, 31, 33])
def test_any_number_of_rows_makes_whole_batches(rows):
    training, model = build_ensemble(3, 2, seed=1)
    section = SECTION.model_copy(update={"epochs": 1})
    assert len(train_ensemble(training, model, pair(rows), NOTHING, section, 1, Workspace())["loss"]) == 1
