"""Parts of arrays in an object store: what Zarr returns, with one request for each chunk and each shard's index."""

from collections import Counter
from itertools import count

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import FsspecStore

from survey_batch.core.status import Status
from survey_batch.store.chunks import read_parts
from survey_batch.store.damage import DamagedError
from survey_batch.store.products import create_product, open_group, stored, write_shard
from survey_batch.store.schema import Schema, Variable, cut_into_shards

SHARDS = cut_into_shards("object", 5, 2)
SIZES = {"object": 5, "y": 10, "x": 7}
NUMBERS = count()


def make(output):
    """A product of three shards."""
    variables = (
        Variable("image", ("object", "y", "x"), "f4", chunks=(1, 4, 3)),
        Variable("flag", ("object",), "u1"),
    )
    create_product(output, Schema("things", "object", SIZES, 2, variables), {"provenance": {}})
    rng = np.random.default_rng(3)
    for shard in SHARDS:
        data = {"image": rng.normal(size=(len(shard), 10, 7)).astype("f4"), "flag": np.arange(len(shard), dtype="u1")}
        write_shard(output, "things", shard, data, np.full(len(shard), Status.OK, np.uint8))
    return output


@pytest.fixture(scope="module")
def bucket():
    """The product in a store of objects."""
    output = make(f"memory://chunks-{next(NUMBERS)}")
    yield output
    fsspec.filesystem("memory").rm(output, recursive=True)


def spans(length):
    return st.tuples(st.integers(0, length - 1), st.integers(1, length)).map(
        lambda pair: slice(pair[0], min(pair[0] + pair[1], length))
    )


@settings(max_examples=30)
@given(st.lists(st.tuples(*map(spans, SIZES.values())), min_size=1, max_size=4), st.integers(1, 3))
def test_parts_are_what_zarr_returns(bucket, parts, axes):
    wanted = [*(("image", part[:axes]) for part in parts), ("flag", parts[0][:1])]
    group = open_group(bucket, "things")
    for (name, part), values in zip(wanted, read_parts(bucket, "things", wanted), strict=True):
        expected = np.asarray(stored(group, name)[part])
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)


def test_each_chunk_and_each_index_is_asked_for_once(bucket, monkeypatch):
    asked, plain = Counter(), FsspecStore.get

    async def get(self, key, prototype, byte_range=None):
        asked[key.rpartition("things.zarr/")[2], str(byte_range)] += 1
        return await plain(self, key, prototype, byte_range)

    read_parts(bucket, "things", [("flag", (slice(0, 1),))])  # opens the product
    monkeypatch.setattr(FsspecStore, "get", get)
    row = slice(2, 3)
    read_parts(
        bucket, "things", [("image", (row, slice(0, 5), slice(2, 4))), ("image", (row, slice(3, 4), slice(0, 7)))]
    )
    assert set(asked.values()) == {1}
    assert {key for key, _ in asked} == {"image/c/1/0/0"}
    assert len(asked) == 1 + 5, "the index, four chunks of the first part, and one more of the second"


def test_what_is_lost_is_told_with_its_place():
    output = make(f"memory://chunks-{next(NUMBERS)}")
    filesystem = fsspec.filesystem("memory")
    part = [("image", (slice(2, 3), slice(0, 5), slice(2, 4)))]
    name = f"{output}/things.zarr/image/c/1/0/0"
    raw = filesystem.cat_file(name)
    for damaged in (b"", raw[:100], bytes([raw[0] ^ 1]) + raw[1:]):
        filesystem.pipe_file(name, damaged)
        with pytest.raises(DamagedError, match=r"image of shard 1 \(rows 2 to 3\)"):
            read_parts(output, "things", part)
    filesystem.rm(output, recursive=True)
