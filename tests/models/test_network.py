"""The network of the ensembles."""

import numpy as np
import pytest

from survey_batch.models.network import SCATTER_FLOOR, Design, build

pytestmark = pytest.mark.slow  # imports Keras

DESIGN = Design(hidden=4, levels=3, sharpness=2.0)
INPUTS = (5 + np.random.default_rng(1).normal(size=(50, 6, 2)) * [1, 3]).astype(np.float32)


@pytest.fixture(scope="module")
def networks():
    return build(INPUTS, classes=3, members=2, design=DESIGN, seed=1)


def test_the_network_for_use_is_the_mean_of_the_members(networks):
    each, mean = (network.predict(INPUTS, verbose=0) for network in networks)
    assert each.shape == (50, 2, 3)
    np.testing.assert_allclose(each.sum(axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(mean, each.mean(axis=1), rtol=1e-5)
    assert not np.allclose(each[:, 0], each[:, 1]), "members have weights of their own"


def test_each_bin_is_standardised_and_compared_with_levels(networks):
    from keras import Model

    steps = Model(networks[0].input, networks[0].get_layer("soft_steps").output).predict(INPUTS, verbose=0)
    flat = INPUTS.reshape(50, 12)
    standard = (flat - flat.mean(axis=0)) / (flat.std(axis=0) + SCATTER_FLOOR)
    wanted = np.tanh(DESIGN.sharpness * (standard[..., None] - [-2, 0, 2]))
    np.testing.assert_allclose(steps, wanted, atol=1e-4)


def test_one_seed_makes_one_network_and_training_and_use_share_its_weights(networks):
    again, other = (build(INPUTS, 3, 2, DESIGN, seed)[0] for seed in (1, 2))
    for ours, theirs in zip(networks[0].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(networks[0].trainable_weights[0].numpy(), other.trainable_weights[0].numpy())
    assert [a is b for a, b in zip(*(network.weights for network in networks), strict=True)] == [True] * len(
        networks[0].weights
    )
