"""An order that no row's place decides."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog import hashing
from survey_batch.catalog.hashing import hashes

NAMES = st.lists(st.text(max_size=12), max_size=30, unique=True)


@given(NAMES, st.randoms(use_true_random=False), st.integers(0, 9))
def test_a_name_has_its_hash_wherever_it_stands(names, random, seed):
    found = dict(zip(names, hashes(pa.array(names, pa.string()), seed).tolist(), strict=True))
    random.shuffle(names)
    assert hashes(pa.array(names, pa.string()), seed).tolist() == [found[name] for name in names]


def test_the_number_of_names_at_a_time_changes_nothing(monkeypatch):
    names = pa.array([f"object {number}" for number in range(10)])
    whole = hashes(names, 1).tolist()
    monkeypatch.setattr(hashing, "_CHUNK", 3)
    assert hashes(names, 1).tolist() == whole
    assert len(set(whole)) == 10


def test_another_seed_is_another_order_and_one_seed_stays_as_it_is():
    names = pa.array([f"object {number}" for number in range(10)])
    assert hashes(names, 1).argsort().tolist() != hashes(names, 2).argsort().tolist()
    # BLAKE2b with eight bytes of "0:a", by another program: printf 0:a | b2sum -l 64
    assert hashes(pa.array(["a"]), 0).tolist() == [0xBDE152EAF93EDEE5]
