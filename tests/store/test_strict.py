"""What was written and is lost or changed is an error; what no run has written yet reads as fill values."""

import errno
import json
import pickle

import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore

from survey_batch.core.errors import ReaderError
from survey_batch.core.status import Status
from survey_batch.core.world import blaming_the_node, node_name, node_of
from survey_batch.store.damage import Damage, DamagedError, damage_told, find_damage
from survey_batch.store.products import (
    confirmed,
    create_product,
    drop_shard,
    forget_products,
    mark_pending,
    open_group,
    open_strictly,
    read_rows,
    read_status,
    stored,
    write_shard,
)
from survey_batch.store.schema import Schema, Variable, cut_into_shards
from survey_batch.store.small_files import DamagedFileError

SHARDS = cut_into_shards("object", 10, 4)


def schema():
    return Schema(
        product="things",
        axis="object",
        sizes={"object": 10, "pixel": 3},
        shard_rows=4,
        variables=(
            Variable("flux", ("object", "pixel"), "f4", chunks=(2, 3)),
            Variable("nothing", ("object",), "f4"),
            Variable("name", ("object",), "string"),
        ),
        coordinates={"pixel": (("pixel",), np.zeros(3), {})},
    )


def block(shard):
    rows = len(shard)
    return {
        "flux": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3) + shard.start,
        "nothing": np.full(rows, np.nan, np.float32),
        "name": np.array([f"star {row}" for row in range(rows)], object),
    }


@pytest.fixture
def output(tmp_path):
    create_product(str(tmp_path), schema(), {"provenance": {}})
    for shard in SHARDS[:2]:
        write_shard(str(tmp_path), "things", shard, block(shard), np.full(len(shard), Status.OK, np.uint8))
    return tmp_path


def read(output, *names, rows=slice(0, 8)):
    forget_products()
    return read_rows(str(output), "things", rows, names or ("flux", "nothing", "name"))


def flip(path, byte, bit=0):
    raw = bytearray(path.read_bytes())
    raw[byte] ^= 1 << bit
    path.write_bytes(bytes(raw))


def test_rows_that_no_run_has_written_read_as_fill_values(output):
    assert np.isnan(read(output, "flux", rows=slice(8, 10))["flux"]).all()
    assert read_status(str(output), "things").tolist() == [1] * 8 + [0, 0]


def test_chunks_of_nothing_but_fill_values_are_written_too_and_pending_shards_have_no_statuses(output):
    product = output / "things.zarr"
    assert [path.name for path in sorted((product / "nothing" / "c").iterdir())] == ["0", "1"]
    mark_pending(str(output), "things", SHARDS[:1])
    assert [path.name for path in (product / "status" / "c").iterdir()] == ["1"]


@pytest.mark.parametrize("array", ["flux", "nothing", "name", "pixel"])
@pytest.mark.parametrize("how", ["lost", "empty", "cut short"])
def test_a_file_that_is_lost_or_cut_short_is_an_error_that_names_it(output, array, how):
    place = {"flux": "c/1/0", "pixel": "c/0"}.get(array, "c/1")
    path = output / "things.zarr" / array / place
    raw = path.read_bytes()
    path.unlink() if how == "lost" else path.write_bytes(raw[: len(raw) // 2] if how == "cut short" else b"")
    rows = slice(None) if array == "pixel" else slice(3, 8)
    with pytest.raises(DamagedError, match=f"things.zarr: {array}") as caught:
        read(output, array, rows=rows)
    (damage,) = caught.value.damages
    assert (damage.array, damage.shard, damage.start, damage.stop) == (
        (array, None, 0, 0) if array == "pixel" else (array, 1, 4, 8)
    )


@pytest.mark.parametrize("array", ["flux", "nothing", "name", "status"])
def test_any_flipped_bit_of_a_shard_is_an_error_and_other_shards_are_read(output, array):
    path = output / "things.zarr" / array / ("c/0/0" if array == "flux" else "c/0")
    whole = path.read_bytes()
    for byte in range(len(whole)):  # its data, their checksums, the shard's index and its checksum
        flip(path, byte, byte % 8)
        with pytest.raises(DamagedError, match=r"of shard 0 \(rows 0 to 3\)"):
            read(output, array)
        path.write_bytes(whole)
    flip(path, 0)
    read(output, array, rows=slice(4, 8))


def test_an_error_of_a_worker_says_all_that_is_damaged(output):
    flip(output / "things.zarr" / "flux" / "c/0/0", 3)
    (output / "things.zarr" / "name" / "c/1").unlink()
    with pytest.raises(DamagedError, match="and 1 more like this") as caught:
        read(output)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - as Dask sends it
    assert (str(again), again.damages, again.output) == (str(caught.value), caught.value.damages, str(output))


def test_what_only_another_process_cannot_read_is_not_damaged(output):
    told = DamagedError(str(output), [Damage("things", "flux", 0, 0, 4), Damage("things", "flux", 1, 4, 8)])
    assert confirmed(told) == []
    (output / "things.zarr/flux/c/1/0").unlink()
    assert confirmed(told) == [told.damages[1]]


def test_an_error_of_a_worker_keeps_where_it_was():
    for error in (DamagedError("out", [Damage("a", "b", 0)]), DamagedFileError("a"), ReaderError("a", "b")):
        with pytest.raises(type(error)) as raised, blaming_the_node("out"):
            raise error
        assert node_of(pickle.loads(pickle.dumps(raised.value))) == node_name()  # noqa: S301


def test_a_damaged_shard_is_dropped_and_can_be_written_again(output):
    flip(output / "things.zarr" / "flux" / "c/0/0", -1)
    flip(output / "things.zarr" / "status" / "c/0", 0)
    with pytest.raises(DamagedError):
        write_shard(str(output), "things", SHARDS[0], block(SHARDS[0]), np.ones(4, np.uint8))
    drop_shard(str(output), "things", SHARDS[0])
    assert read_status(str(output), "things").tolist() == [0] * 4 + [1] * 4 + [0, 0]
    write_shard(str(output), "things", SHARDS[0], block(SHARDS[0]), np.ones(4, np.uint8))
    assert read(output)["flux"].tolist() == np.concatenate([block(shard)["flux"] for shard in SHARDS[:2]]).tolist()


def test_errors_that_are_not_of_the_data_stay_what_they_are(output):
    group = open_group(str(output), "things")
    for error in (PermissionError("no"), ValueError("of our own")):
        with pytest.raises(type(error)), damage_told(group):
            raise error
    (output / "things.zarr" / "name" / "c/1").unlink()
    with pytest.raises(DamagedError), damage_told(group):
        raise OSError(errno.EIO, "of the disk")


def test_a_store_can_be_sent_to_a_worker_and_knows_what_may_be_missing(output):
    (output / "things.zarr" / "flux" / "c/1/0").unlink()
    store = pickle.loads(pickle.dumps(open_strictly(str(output), "things").store))  # noqa: S301 - as Dask sends it
    again = stored(zarr.open_group(store, mode="r"), "flux")
    assert np.isnan(np.asarray(again[8:])).all()
    with pytest.raises(DamagedError):
        again[4:5]
    if hasattr(LocalStore, "get_sync"):  # what later versions of Zarr use
        assert store.get_sync("flux/c/2/0") is None
        with pytest.raises(DamagedError):
            store.get_sync("flux/c/1/0")


def test_a_product_without_checksums_is_read_as_before(tmp_path):
    group = zarr.create_group(tmp_path / "old.zarr", zarr_format=3)
    for name, kind in (("flux", "f4"), ("status", "u1")):
        codec = BloscCodec(cname="lz4", typesize=np.dtype(kind).itemsize)
        group.create_array(name, shape=(8,), dtype=kind, chunks=(4,), shards=(4,), compressors=codec, fill_value=0)
    with pytest.warns(zarr.errors.ZarrUserWarning):
        zarr.consolidate_metadata(group.store)
    group["status"][:4] = np.ones(4, np.uint8)
    assert read_rows(str(tmp_path), "old", slice(None), ["flux"])["flux"].tolist() == [0] * 8
    assert read_status(str(tmp_path), "old").tolist() == [1] * 4 + [0] * 4


def test_every_array_of_a_product_has_checksums(output):
    for name in ("flux", "nothing", "name", "status", "pixel"):
        metadata = json.loads((output / "things.zarr" / name / "zarr.json").read_text())
        inner = metadata["codecs"][0].get("configuration", {}).get("codecs", metadata["codecs"])
        assert inner[-1]["name"] == Crc32cCodec().to_dict()["name"]
    assert not list(find_damage("things", open_strictly(str(output), "things")))
