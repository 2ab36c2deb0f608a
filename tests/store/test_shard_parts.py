"""Parts of shards are read without Zarr, and are what Zarr reads; what is damaged is left to Zarr."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zarr.codecs import BytesCodec, ShardingCodec

from survey_batch.core.status import Status
from survey_batch.store import shard_parts
from survey_batch.store.damage import DamagedError, why_unreadable
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


AXES = {"flux": 1, "image": 2, "flags": 1}
"""Of the arrays that have more than that of the objects, the number of these."""


def write(output, shards):
    """The last shard is shorter than the others, and chunks do not divide an image."""
    rng = np.random.default_rng(1)
    create_product(output, SCHEMA, {"provenance": {}})
    for shard in shards:
        data = {
            one.name: np.array([f"star {row}" for row in range(len(shard))], object)
            if one.dtype == "string"
            else rng.normal(0, 50, (len(shard), *SCHEMA.shape(one)[1:])).astype(one.dtype)
            for one in SCHEMA.variables
        }
        write_shard(output, "things", shard, data, np.full(len(shard), Status.OK, np.uint8))
    return output


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """All shards are there."""
    return write(str(tmp_path_factory.mktemp("output")), SHARDS)


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


@pytest.fixture
def product(tmp_path):
    """Two shards of three: the one between them is not there."""
    return write(str(tmp_path), [SHARDS[0], SHARDS[2]])


def array_of(product, name):
    return stored(open_group(product, "things"), name)


SPANS = [shard.rows for shard in SHARDS] + [
    slice(None),
    slice(4, 10),
    slice(0, 8),
    slice(0, 3),
    slice(2, 6),
    slice(3, 3),
]


@pytest.mark.parametrize("rows", SPANS, ids=str)
@pytest.mark.parametrize("name", [*NUMBERS, "name", "status"])
def test_what_is_read_is_what_zarr_reads(product, name, rows):
    array = array_of(product, name)
    found, wanted = read_part(array, rows), np.asarray(array[rows])
    assert (found.dtype, found.shape, found.flags.writeable) == (wanted.dtype, wanted.shape, True)
    assert found.tolist() == wanted.tolist() if name == "name" else found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", [*NUMBERS, "status"])
def test_whole_shards_of_numbers_are_read_without_zarr(product, name, monkeypatch):
    array = array_of(product, name)
    wanted = np.asarray(array[SHARDS[2].rows])
    monkeypatch.delattr(zarr.Array, "__getitem__")
    assert read_part(array, SHARDS[2].rows).tobytes() == wanted.tobytes()
    assert len(read_part(array, slice(1, 3))) == 2


def other_codecs(folder, **settings):
    """An array with codecs that products do not have."""
    return zarr.create_array(f"{folder}/other", shape=(10, 3), dtype=">i4", chunks=(2, 3), shards=(4, 3), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"compressors": None},
        {"serializer": BytesCodec(endian="big")},
        {"filters": zarr.codecs.TransposeCodec(order=(1, 0))},
        {"compressors": zarr.codecs.GzipCodec()},
        {"compressors": [zarr.codecs.BloscCodec(), zarr.codecs.BloscCodec()]},
        {"config": {"order": "F"}},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_other_codecs_are_read_as_zarr_reads_them(tmp_path, settings):
    array = other_codecs(tmp_path, **settings)
    array[...] = np.arange(30).reshape(10, 3)
    for rows in (slice(0, 4), slice(8, 10)):
        assert read_part(array, rows).tolist() == np.asarray(array[rows]).tolist()


@pytest.mark.parametrize(
    "sharding",
    [
        {"index_location": "start"},
        {"index_codecs": [BytesCodec()]},
        {"index_codecs": [BytesCodec(endian="big"), zarr.codecs.Crc32cCodec()]},
    ],
    ids=str,
)
def test_shards_with_another_index_are_read_as_zarr_reads_them(tmp_path, sharding):
    array = zarr.create(
        store=str(tmp_path / "other"),
        shape=(10,),
        dtype="f8",
        chunks=(4,),
        codecs=[ShardingCodec(chunk_shape=(2,), **sharding)],
        zarr_format=3,
    )
    array[...] = np.arange(10.0)
    assert read_part(array, slice(4, 8)).tolist() == [4, 5, 6, 7]


def test_shards_are_also_read_where_codecs_have_only_their_public_way(product, monkeypatch):
    monkeypatch.setattr(shard_parts, "IN_THIS_THREAD", "absent")
    array = array_of(product, "flux")
    assert read_part(array, SHARDS[0].rows).tolist() == np.asarray(array[SHARDS[0].rows]).tolist()


@pytest.mark.parametrize("name", ["flux", "image", "flags"])
def test_no_flipped_bit_is_read(product, name):
    """Bytes of a file in turn, of chunks and of the index: read again, or found and told as Zarr tells it."""
    array = array_of(product, name)
    file = Path(product) / f"things.zarr/{name}/c/0{'/0' * AXES[name]}"
    whole = file.read_bytes()
    for at in (*range(0, len(whole), len(whole) // 6), len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="checksum") as ours:
            read_part(array, SHARDS[0].rows)
        with pytest.raises(ValueError, match="checksum") as zarrs:
            np.asarray(array[SHARDS[0].rows])
        assert str(ours.value) == str(zarrs.value)
        assert "checksum" in why_unreadable(array, SHARDS[0].rows)
        with pytest.raises(DamagedError, match=f"{name} of shard 0"):
            read_rows(product, "things", SHARDS[0].rows, ["one", name])


@pytest.mark.parametrize("left", [0, 3, 20, -1])
def test_a_file_that_was_cut_short_or_is_lost_is_told(product, left):
    file = Path(product) / "things.zarr/flux/c/2/0"
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(DamagedError, match="flux of shard 2"):
        read_rows(product, "things", SHARDS[2].rows, ["flux"])
    file.unlink()
    with pytest.raises(DamagedError, match="its file is missing"):
        read_rows(product, "things", SHARDS[2].rows, ["flux"])


def test_a_chunk_that_unpacks_to_fewer_bytes_than_it_holds_is_not_read(product):
    """Its checksum is right: somebody wrote it so."""
    array = array_of(product, "one")
    spec = array.metadata.codecs[0]
    short = zarr.create_array(
        f"{product}/short", shape=(2,), dtype="f4", chunks=(2,), shards=(2,), compressors=spec.codecs[1:]
    )
    short[...] = [1, 2]
    file = Path(product) / "things.zarr/one/c/0"
    file.write_bytes((Path(product) / "short/c/0").read_bytes())
    with pytest.raises(DamagedError, match="one of shard 0"):
        read_rows(product, "things", SHARDS[0].rows, ["one"])
