"""Parts of shards are read without Zarr, and are what Zarr reads; what is damaged is left to Zarr."""

import shutil

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.store.damage import DamagedError
from survey_batch.store.products import (
    create_product,
    forget_products,
    open_group,
    product_url,
    read_rows,
    stored,
    write_shard,
)
from survey_batch.store.schema import Schema, Variable, cut_into_shards
from survey_batch.store.shard_parts import read_part

SHARDS = cut_into_shards("object", 10, 4)
SCHEMA = Schema(
    product="things",
    axis="object",
    sizes={"object": 10, "pixel": 3, "y": 5, "x": 11},
    shard_rows=4,
    variables=(
        Variable("flux", ("object", "pixel"), "f4", chunks=(2, 3)),
        Variable("one", ("object",), "i4"),
        Variable("image", ("object", "y", "x"), "f8", chunks=(1, 2, 4)),
        Variable("flags", ("object", "pixel"), "u1", chunks=(1, 2)),
        Variable("name", ("object",), "string"),
    ),
)
NUMBERS = ("flux", "one", "image", "flags")


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The last shard is shorter than the others, and chunks do not divide an image."""
    output, rng = str(tmp_path_factory.mktemp("output")), np.random.default_rng(1)
    create_product(output, SCHEMA, {"provenance": {}})
    for shard in SHARDS:
        data = {
            one.name: np.array([f"star {row}" for row in range(len(shard))], object)
            if one.dtype == "string"
            else rng.normal(0, 50, (len(shard), *SCHEMA.shape(one)[1:])).astype(one.dtype)
            for one in SCHEMA.variables
        }
        write_shard(output, "things", shard, data, np.full(len(shard), Status.OK, np.uint8))
    return output


@st.composite
def parts(draw):
    name = draw(st.sampled_from(NUMBERS))
    shape = SCHEMA.shape(next(one for one in SCHEMA.variables if one.name == name))
    part = [
        draw(
            st.one_of(
                st.integers(0, length - 1),
                st.builds(lambda a, b: slice(min(a, b), max(a, b)), *[st.integers(0, length)] * 2),
                st.just(slice(None)),
            )
        )
        for length in shape[: draw(st.integers(0, len(shape)))]
    ]
    return name, part


@given(part=parts())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_part_is_what_zarr_reads(output, part):
    name, where = part
    array = stored(open_group(output, "things", fresh=False), name)
    expected = np.asarray(array[tuple(where)])
    found = read_part(array, *where)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_zarr_is_not_asked_for_what_is_whole(output, monkeypatch):
    group = open_group(output, "things", fresh=False)
    arrays = {name: stored(group, name) for name in NUMBERS}

    def refuse(*_):
        raise AssertionError("zarr was asked")

    monkeypatch.setattr(zarr.Array, "__getitem__", refuse)
    for array in arrays.values():
        assert len(read_part(array, slice(1, 9))) == 8


def test_text_is_read_as_zarr_reads_it(output):
    assert read_rows(output, "things", slice(3, 6), ["name"])["name"].tolist() == ["star 3", "star 0", "star 1"]


def flip_a_byte(file):
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3] ^= 1
    file.write_bytes(raw)


@pytest.mark.parametrize("spoil", [lambda file: file.unlink(), flip_a_byte, lambda file: file.write_bytes(b"short")])
def test_what_is_damaged_is_told_as_zarr_finds_it(output, tmp_path, spoil):
    shutil.copytree(product_url(output, "things"), tmp_path / "things.zarr")
    forget_products()
    assert len(read_rows(str(tmp_path), "things", slice(4, 8), ["image"])["image"]) == 4
    spoil(tmp_path / "things.zarr" / "image" / "c" / "1" / "0" / "0")
    with pytest.raises(DamagedError, match="image of shard 1"):
        read_rows(str(tmp_path), "things", slice(4, 8), ["image"])
    assert len(read_rows(str(tmp_path), "things", slice(0, 4), ["image"])["image"]) == 4
