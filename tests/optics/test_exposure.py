"""Exposures by number."""

import hashlib

import numpy as np
import pytest

from survey_batch.optics.exposure import exposure_key


@pytest.mark.parametrize("name", ["", "exposure-0001", "ü 1"])
def test_a_number_is_the_same_everywhere_and_fits_an_array(name):
    key = exposure_key(name)
    assert np.array([key], np.int64)[0] == key
    assert key % 2**64 == int(hashlib.sha256(name.encode()).hexdigest()[:16], 16)
