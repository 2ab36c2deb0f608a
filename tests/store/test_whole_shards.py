"""Shards are read and written whole, around Zarr's threads: with the same values, bytes and errors as Zarr's own."""

from collections import Counter
from itertools import count
from pathlib import Path

import fsspec
import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, ShardingCodec
from zarr.storage import FsspecStore

from survey_batch.core.status import Status
from survey_batch.store import products, whole_shards
from survey_batch.store import together as module
from survey_batch.store.damage import DamagedError, why_unreadable
from survey_batch.store.products import (
    WHOLE,
    create_product,
    mark_pending,
    open_group,
    read_rows,
    read_status,
    stored,
    write_shard,
)
from survey_batch.store.schema import Schema, Variable, cut_into_shards
from survey_batch.store.together import together
from survey_batch.store.whole_shards import read_values, write_whole

SHARDS = cut_into_shards("object", 10, 4)
NAMES = ("flux", "nothing", "name", "image", "flags")


def schema():
    return Schema(
        product="things",
        axis="object",
        sizes={"object": 10, "pixel": 3, "y": 5, "x": 10},
        shard_rows=4,
        variables=(
            Variable("flux", ("object", "pixel"), "f4", chunks=(2, 3)),
            Variable("nothing", ("object",), "f4"),
            Variable("name", ("object",), "string"),
            Variable("image", ("object", "y", "x"), "f8", chunks=(2, 2, 3)),
            Variable("flags", ("object", "pixel"), "u1", chunks=(1, 2)),
        ),
    )


def block(shard, value=0.0):
    rows = len(shard)
    return {
        "flux": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3) + shard.start + value,
        "nothing": np.full(rows, np.nan, np.float32),
        "name": np.array([f"star {row} {value}" for row in range(rows)], object),
        "image": np.arange(rows * 50.0).reshape(rows, 10, 5).transpose(0, 2, 1) + value,
        "flags": np.ones((rows, 3), bool),
    }


def ok(shard):
    return np.full(len(shard), Status.OK, np.uint8)


def files(product):
    return {
        str(file.relative_to(product)): file.read_bytes() for file in Path(product).rglob("c/**/*") if file.is_file()
    }


def write_as_zarr_does(output, shard, data, status):
    group = open_group(output, "things")
    for name, values in data.items():
        stored(group, name).with_config(WHOLE)[shard.rows] = values
    stored(group, "status")[shard.rows] = status


@pytest.mark.parametrize("times", [1, 2])
def test_the_files_are_those_that_zarr_writes(tmp_path, times):
    """The last shard is shorter than the others; a second time, each is written over what is there."""
    ours, plain = str(tmp_path / "ours"), str(tmp_path / "plain")
    for output in (ours, plain):
        create_product(output, schema(), {"provenance": {}})
    for value in range(times):
        for shard in SHARDS:
            write_shard(ours, "things", shard, block(shard, value), ok(shard))
            write_as_zarr_does(plain, shard, block(shard, value), ok(shard))
    made, wanted = files(f"{ours}/things.zarr"), files(f"{plain}/things.zarr")
    assert [name for name in made.keys() | wanted if made.get(name) != wanted.get(name)] == []
    assert len(made) == len(SHARDS) * (len(NAMES) + 1)


def test_the_files_are_the_same_where_codecs_have_only_their_public_way(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_shards, "IN_THIS_THREAD", "absent")
    test_the_files_are_those_that_zarr_writes(tmp_path, 1)


def test_statuses_that_are_all_pending_have_no_file_and_others_are_returned(tmp_path):
    output = str(tmp_path)
    create_product(output, schema(), {"provenance": {}})
    mark, file = stored(open_group(output, "things"), "status"), tmp_path / "things.zarr/status/c/0"
    assert write_whole(mark, SHARDS[0], ok(SHARDS[0]), leave_out_empty=True) == file.read_bytes()
    assert write_whole(mark, SHARDS[0], np.zeros(4, np.uint8), leave_out_empty=True) == b""
    assert not file.exists()


def test_values_of_another_shape_than_the_shard_are_refused(tmp_path):
    create_product(str(tmp_path), schema(), {"provenance": {}})
    flux = stored(open_group(str(tmp_path), "things"), "flux")
    for shape in ((1, 3), (4, 2), (4,)):
        with pytest.raises(ValueError, match="values of shape"):
            write_whole(flux, SHARDS[0], np.zeros(shape, np.float32))


def test_what_is_damaged_is_written_over(tmp_path):
    output = str(tmp_path)
    create_product(output, schema(), {"provenance": {}})
    write_shard(output, "things", SHARDS[0], block(SHARDS[0]), ok(SHARDS[0]))
    for name in ("flux/c/0/0", "name/c/0"):
        (tmp_path / "things.zarr" / name).write_bytes(b"no shard at all")
    mark_pending(output, "things", SHARDS[:1])
    write_shard(output, "things", SHARDS[0], block(SHARDS[0], 1), ok(SHARDS[0]))
    assert read_rows(output, "things", SHARDS[0].rows, NAMES)["flux"][0, 0] == 1


@pytest.fixture
def product(tmp_path):
    """Two shards of three: the one between them is not there."""
    create_product(str(tmp_path), schema(), {"provenance": {}})
    for shard in (SHARDS[0], SHARDS[2]):
        write_shard(str(tmp_path), "things", shard, block(shard), ok(shard))
    return str(tmp_path)


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
@pytest.mark.parametrize("name", [*NAMES, "status"])
def test_what_is_read_is_what_zarr_reads(product, name, rows):
    array = array_of(product, name)
    found, wanted = read_values(array, rows), np.asarray(array[rows])
    assert (found.dtype, found.shape, found.flags.writeable) == (wanted.dtype, wanted.shape, True)
    assert found.tolist() == wanted.tolist() if name == "name" else found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("name", ["flux", "nothing", "image", "flags", "status"])
def test_whole_shards_of_numbers_are_read_without_zarr(product, name, monkeypatch):
    array = array_of(product, name)
    wanted = np.asarray(array[SHARDS[2].rows])
    monkeypatch.delattr(zarr.Array, "__getitem__")
    assert read_values(array, SHARDS[2].rows).tobytes() == wanted.tobytes()
    assert read_values(array, slice(None)).shape == array.shape
    with pytest.raises(TypeError, match="subscript"):
        read_values(array, slice(0, 3))


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
        assert read_values(array, rows).tolist() == np.asarray(array[rows]).tolist()


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
    assert read_values(array, slice(4, 8)).tolist() == [4, 5, 6, 7]


def test_shards_are_also_read_where_codecs_have_only_their_public_way(product, monkeypatch):
    monkeypatch.setattr(whole_shards, "BACK_IN_THIS_THREAD", "absent")
    assert read_values(array_of(product, "flux"), SHARDS[0].rows).tolist() == block(SHARDS[0])["flux"].tolist()


@pytest.mark.parametrize("name", ["flux", "image", "flags"])
def test_no_flipped_bit_is_read(product, name):
    """Bytes of a file in turn, of chunks and of the index: read again, or found and told as Zarr tells it."""
    array = array_of(product, name)
    file = Path(product) / f"things.zarr/{name}/c/0{'/0' * AXES[name]}"
    whole = file.read_bytes()
    for at in (*range(0, len(whole), len(whole) // 6), len(whole) - 1):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises(ValueError, match="checksum") as ours:
            read_values(array, SHARDS[0].rows)
        with pytest.raises(ValueError, match="checksum") as zarrs:
            np.asarray(array[SHARDS[0].rows])
        assert str(ours.value) == str(zarrs.value)
        assert "checksum" in why_unreadable(array, SHARDS[0].rows)
        with pytest.raises(DamagedError, match=f"{name} of shard 0"):
            read_rows(product, "things", SHARDS[0].rows, ["nothing", name])


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
    array = array_of(product, "nothing")
    spec = array.metadata.codecs[0]
    short = zarr.create_array(
        f"{product}/short", shape=(2,), dtype="f4", chunks=(2,), shards=(2,), compressors=spec.codecs[1:]
    )
    short[...] = [1, 2]
    file = Path(product) / "things.zarr/nothing/c/0"
    file.write_bytes((Path(product) / "short/c/0").read_bytes())
    with pytest.raises(DamagedError, match="nothing of shard 0"):
        read_rows(product, "things", SHARDS[0].rows, ["nothing"])


@pytest.fixture
def requests(monkeypatch):
    """What is asked of an object store, by method and key."""
    seen = Counter()

    def watch(method):
        plain = getattr(FsspecStore, method)

        async def watched(self, key, *arguments, **named):
            seen[method, key.rpartition("things.zarr/")[2]] += 1
            return await plain(self, key, *arguments, **named)

        monkeypatch.setattr(FsspecStore, method, watched)

    for method in ("get", "set", "exists", "delete"):
        watch(method)
    return seen


@pytest.fixture
def bucket():
    """A product in a store of objects."""
    output = f"memory://unread-{next(NUMBERS)}"
    create_product(output, schema(), {"provenance": {}})
    read_status(output, "things", slice(0, 1))  # opens it
    yield output
    fsspec.filesystem("memory").rm(output, recursive=True)


NUMBERS = count()
AXES = {"flux": 1, "image": 2, "flags": 1}
"""Of the arrays that have more than that of the objects, the number of these."""


def test_a_shard_costs_one_request_for_each_array_and_one_look_at_its_statuses(bucket, requests):
    requests.clear()
    write_shard(bucket, "things", SHARDS[1], block(SHARDS[1]), ok(SHARDS[1]))
    assert requests == {
        ("get", "status/c/1"): 1,
        **{("set", f"{name}/c/1{'/0' * AXES.get(name, 0)}"): 1 for name in (*NAMES, "status")},
    }
    assert read_status(bucket, "things").tolist() == [0] * 4 + [Status.OK] * 4 + [0] * 2


def test_a_chunk_that_is_missing_costs_one_look_at_the_mark(bucket, requests):
    requests.clear()
    assert np.isnan(read_rows(bucket, "things", SHARDS[0].rows, ["nothing"])["nothing"]).all()
    assert requests == {("get", "nothing/c/0"): 1, ("get", "status/c/0"): 1}


def test_statuses_are_written_when_all_arrays_are_there(bucket, monkeypatch):
    """Arrays go to an object store at the same time; the mark that they are whole must not overtake any."""
    order, plain = [], products.write_whole

    def written(array, *arguments, **named):
        raw = plain(array, *arguments, **named)
        order.append(array.basename)
        return raw

    monkeypatch.setattr(products, "write_whole", written)
    write_shard(bucket, "things", SHARDS[0], block(SHARDS[0]), ok(SHARDS[0]))
    assert sorted(order[:-1]) == sorted(NAMES)
    assert order[-1] == "status"


def test_no_statuses_are_written_after_an_array_that_failed(bucket, monkeypatch):
    plain = products.write_whole

    def full(array, *arguments, **named):
        if array.basename == "flux":
            raise OSError("the bucket is full")
        return plain(array, *arguments, **named)

    monkeypatch.setattr(products, "write_whole", full)
    with pytest.raises(OSError, match="full"):
        write_shard(bucket, "things", SHARDS[0], block(SHARDS[0]), ok(SHARDS[0]))
    assert not read_status(bucket, "things").any()


def test_parts_of_an_object_store_are_done_at_a_time_and_those_of_a_folder_in_turn(monkeypatch):
    monkeypatch.setattr(module, "AT_A_TIME", 2)
    plain = module.ThreadPoolExecutor
    pools = []
    monkeypatch.setattr(module, "ThreadPoolExecutor", lambda number: pools.append(number) or plain(number))
    assert together("/folder", str, [1, 2, 3]) == ["1", "2", "3"]
    assert pools == []
    assert together("s3://bucket", str, [1, 2, 3]) == ["1", "2", "3"]
    assert pools == [2]
