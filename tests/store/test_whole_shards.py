"""Shards are written whole, around Zarr's threads, with the same bytes as Zarr's own."""

from collections import Counter
from itertools import count
from pathlib import Path

import fsspec
import numpy as np
import pytest
from zarr.storage import FsspecStore

from survey_batch.core.status import Status
from survey_batch.store import products, whole_shards
from survey_batch.store import together as module
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
from survey_batch.store.whole_shards import write_whole

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
