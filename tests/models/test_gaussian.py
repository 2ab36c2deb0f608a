"""The likelihood that networks are trained with, in Keras and numpy, and the mixture of several."""

import numpy as np
from scipy.stats import norm

from survey_batch.models.gaussian import keras_loss, losses, mixture

RANDOM = np.random.default_rng(3)
TRUE = RANDOM.normal(size=(5, 2, 3))
ANSWER = np.concatenate([RANDOM.normal(size=(5, 2, 3)), RANDOM.uniform(0.1, 2, (5, 2, 3))], axis=-1)


def test_the_loss_is_the_negative_log_likelihood_without_its_constant():
    mean, deviation = np.split(ANSWER, 2, axis=-1)
    wanted = -norm.logpdf(TRUE, mean, deviation).mean(axis=-1) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(losses(TRUE, ANSWER), wanted)
    np.testing.assert_allclose(np.asarray(keras_loss(TRUE, ANSWER)), wanted, rtol=1e-5)


def test_members_that_disagree_make_the_error_larger():
    mean, deviation = mixture(np.array([[[1.0, 0.5], [1.0, 0.5]], [[0.0, 0.5], [2.0, 0.5]]]))
    np.testing.assert_allclose(mean[:, 0], [1, 1])
    np.testing.assert_allclose(deviation[:, 0], [0.5, np.sqrt(1.25)])
