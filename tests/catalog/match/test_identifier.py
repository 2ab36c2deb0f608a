"""Matching by identifier."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog.match.identifier import Identifiers, pair_identifiers

IDS = st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "0", "00", "10", "ä"]), st.integers(-1, 2)), max_size=15)


def batches_of(rows, size):
    for first in range(0, len(rows), size):
        here = rows[first : first + size]
        rank = [np.nan if rank < 0 else rank for _, rank in here]
        yield Identifiers(pa.array([name for name, _ in here], pa.string()), np.array(rank, np.float32))


@settings(max_examples=30, deadline=None)
@given(IDS, IDS, st.booleans(), st.integers(1, 5))
def test_partners_are_the_first_or_the_best_rows_with_the_same_identifier(own, other, by_rank, size):
    found = pair_identifiers(batches_of(own, size), batches_of(other, size), by_rank=by_rank)
    for row, (name, _) in enumerate(own):
        there = [index for index, (theirs, _) in enumerate(other) if name is not None and theirs == name]
        best = max(there, key=lambda index: (other[index][1] if by_rank else 0, -index), default=-1)
        assert found.row[row] == best
    known = [name for name, _ in other if name is not None]
    assert found.repeated == len(known) - len(set(known))
    assert found.unknown == len(other) - len(known)
