"""Positions on the sky as vectors, for searches in a tree."""

import numpy as np

from survey_batch.core.arrays import F8


def unit_vectors(ra: F8, dec: F8) -> F8:
    """Turn directions [degrees] into unit vectors, (n, 3)."""
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)


def chord(degrees: float) -> float:
    """Return the distance between unit vectors that are some degrees apart."""
    return float(2 * np.sin(np.deg2rad(degrees) / 2))
