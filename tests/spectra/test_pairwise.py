import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.spectra.pairwise import parts_of_sum


@pytest.mark.bits
@given(st.data(), st.integers(1, 600))
@settings(max_examples=80, deadline=None)
def test_the_parts_of_a_sum_add_up_to_it(data, count):
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, count - 1))
    values = np.zeros((3, count))
    values[:, first : last + 1] = np.random.default_rng(count).normal(size=(3, last - first + 1))
    parts = [values[:, begin:end].sum(axis=1) for begin, end in parts_of_sum(count, first, last)]
    np.testing.assert_array_equal(sum(parts), values.sum(axis=1))
