"""Networks that state a mean and a standard deviation of each quantity, and the answer of several of them.

Each is trained with the likelihood of a normal distribution (Nix & Weigend 1994, Proc. ICNN, 55). Several that start
from different weights are an equal mixture, whose mean and standard deviation are the answer: where they disagree, the
error is larger (Lakshminarayanan et al. 2017, NeurIPS, arXiv 1612.01474).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8

LOSS = "gaussian"
"""Name of the loss in `Training`."""
SMALLEST_DEVIATION = 1e-3
"""Added to each standard deviation, in scatters of the training targets, so that the likelihood stays finite."""


def keras_loss(true: Any, answer: Any) -> Any:
    """Compute the negative log likelihood, without its constant, of targets (…, quantity), averaged over quantities.

    `answer`, (…, 2 * quantity), holds the means and then the standard deviations.
    """
    from keras import ops

    mean, deviation = ops.split(answer, 2, axis=-1)
    return ops.mean(ops.log(deviation) + ops.square((true - mean) / deviation) / 2, axis=-1)


def losses(true: npt.NDArray[Any], answer: npt.NDArray[Any]) -> F8:
    """Compute what `keras_loss` computes, in numpy."""
    mean, deviation = np.split(np.asarray(answer, np.float64), 2, axis=-1)
    return np.asarray((np.log(deviation) + ((true - mean) / deviation) ** 2 / 2).mean(axis=-1))


def mixture(answers: npt.NDArray[Any]) -> tuple[F8, F8]:
    """Compute mean and standard deviation, (object, quantity) each, of what all members say, (object, member, …)."""
    mean, deviation = np.split(answers.astype(np.float64), 2, axis=-1)
    centre = mean.mean(axis=1)
    spread = ((mean - centre[:, None]) ** 2).mean(axis=1)
    return centre, np.sqrt(spread + (deviation**2).mean(axis=1))


def heads(x: Any, quantities: int, members: int, hidden: int, dropout: float, seed: int) -> Any:
    """Add small networks with separate weights, (object, column) to (object, member, 2 * quantity)."""
    from keras import layers

    from survey_batch.models.network import per_member

    units = per_member("bi,ikh->bkh", members, hidden, x.shape[-1], seed)(x)
    kept = layers.Dropout(dropout, seed=seed + 1)(layers.Activation("gelu")(units))
    mean = per_member("bkh,khc->bkc", members, quantities, hidden, seed + 2)(kept)
    raw = per_member("bkh,khc->bkc", members, quantities, hidden, seed + 3)(kept)
    deviation = layers.Rescaling(1.0, SMALLEST_DEVIATION)(layers.Activation("softplus")(raw))
    return layers.Concatenate(name="members")([mean, deviation])
