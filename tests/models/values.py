"""Objects with values of quantities in place of labels."""

from dataclasses import replace

import numpy as np

from tests.models.conftest import labelled


def valued(target, quantities, block=None, **coordinates):
    """Rows in memory, each of its own star, with their values of some quantities, (object, quantity)."""
    data = labelled(block or {"x": np.zeros((len(target), 1))}, np.full(len(target), ""), **coordinates)
    return replace(data, target=np.asarray(target, float), quantities=quantities)
