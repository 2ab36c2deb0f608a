"""The class prior: the class shares for which scores are stated.

Held-out objects seldom come in the proportions of a survey: a catalogue may hold as many quasars as stars. Accuracy,
precision, F1, log loss and calibration depend on these proportions; recall does not. To state scores on a prior, each
object gets the weight (its class's share in the prior) / (its class's share among the objects). This is correct if the
objects of each class are alike in both, whatever the shares (label shift: Saerens et al. 2002, Neural Computation 14,
21).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F8, Index
from survey_batch.core.errors import ConfigurationError

Prior = str | Mapping[str, float]
"""`as_found`: the objects' own shares; `equal`: the same share for all classes; or shares by class, 0 for others."""

SHARES_TOLERANCE = 1e-6
"""Largest difference of the sum of shares from 1."""


def parse_prior(text: str) -> Prior:
    """Read `as_found`, `equal` or `STAR=0.9,GALAXY=0.1`.

    Raises
    ------
    ConfigurationError
        The text is none of these, or the shares do not sum to 1.
    """
    if text in ("as_found", "equal"):
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        shares = {name.strip(): float(share) for name, _, share in pairs}
    except ValueError as error:
        raise ConfigurationError(
            f"prior {text!r} is not as_found, equal or shares such as STAR=0.9,GALAXY=0.1"
        ) from error
    if abs(sum(shares.values()) - 1) > SHARES_TOLERANCE:
        raise ConfigurationError(f"the shares of prior {text!r} sum to {sum(shares.values()):g}, not to 1")
    return shares


def stated_shares(prior: Prior, classes: tuple[str, ...], found: npt.NDArray[Any]) -> F8 | None:
    """Compute the share of each class, (class,), summing to 1; None for `as_found`.

    Parameters
    ----------
    prior
        The share of a class without objects goes to the others in proportion.
    classes
        Class names.
    found : (class,)
        Number of objects of each class.

    Raises
    ------
    ConfigurationError
        The prior names an unknown class, has a negative share, or gives no share to any class with objects.
    """
    if prior == "as_found":
        return None
    if prior == "equal":
        prior = dict.fromkeys(classes, 1.0)
    if isinstance(prior, str):
        raise ConfigurationError(f"prior {prior!r} is not 'as_found', 'equal' or shares by class")
    if unknown := sorted(set(prior) - set(classes)):
        raise ConfigurationError(f"the prior names classes {unknown}; the classifier's are {list(classes)}")
    share = np.where(np.asarray(found) > 0, [float(prior.get(name, 0)) for name in classes], 0)
    if min(prior.values()) < 0 or not share.sum() > 0:
        raise ConfigurationError(f"the prior {dict(prior)} gives no share to any class that has objects")
    return np.asarray(share / share.sum())


def reweigh(counts: npt.NDArray[Any], shares: F8 | None) -> F8:
    """Scale counts by true class and outcome, (…, class, outcome), so that each class has its share.

    A class without objects stays at 0, so divide by the sum of the result. If `shares` is None, counts are unchanged.
    """
    if shares is None:
        return counts.astype(np.float64)
    found = counts.sum(axis=-1, keepdims=True)
    return np.asarray(counts * np.divide(shares[:, None], found, out=np.zeros(found.shape), where=found > 0))


def object_weights(true: Index, classes: tuple[str, ...], prior: Prior) -> F8:
    """Compute the weight of each object, (object,), with a mean of 1; all are exactly 1 for `as_found`.

    Raises
    ------
    ConfigurationError
        As `stated_shares`.
    """
    found = np.bincount(true, minlength=len(classes))
    shares = stated_shares(prior, classes, found)
    if shares is None:
        return np.ones(len(true))
    return np.asarray((shares * len(true) / np.maximum(found, 1))[true])


def effective_number(weights: F8) -> float:
    """Compute the effective number of objects, (sum w)^2 / sum w^2 (Kish 1965, Survey Sampling)."""
    return float(weights.sum() ** 2 / np.sum(weights**2)) if len(weights) else 0.0


def shift_prior(probability: npt.NDArray[np.floating], before: F8, after: F8) -> F8:
    """Convert probabilities to another prior: multiply by the ratio of the shares, normalise each row (Bayes).

    Parameters
    ----------
    probability : (object, class)
        Calibrated on objects with the class shares `before`.
    before, after : (class,)
        Positive shares; only their ratios matter.
    """
    shifted = np.asarray(probability, np.float64) * (np.asarray(after) / np.asarray(before))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
