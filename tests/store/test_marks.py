"""The statuses of a product in an object store: known from the store's listing and from what was read before."""

from collections import Counter
from itertools import count

import fsspec
import numpy as np
import pyarrow as pa
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from zarr.storage import FsspecStore

from survey_batch.core.paths import exists, join, remove, write_bytes
from survey_batch.core.status import Status
from survey_batch.store.damage import DamagedError
from survey_batch.store.marks import (
    PROGRESS,
    etag_of,
    forget_marks,
    known_marks,
    marks_there,
    store_marks,
)
from survey_batch.store.products import create_product, mark_pending, mark_rows_pending, read_status, write_shard
from survey_batch.store.schema import Schema, Variable, cut_into_shards
from survey_batch.store.small_files import write_table

SHARDS = cut_into_shards("object", 10, 4)
NUMBERS = count()


def statuses(shard, seed=0):
    return np.random.default_rng((shard.index, seed)).choice([1, 3, 7], len(shard)).astype(np.uint8)


def write(output, shard, seed=0):
    return write_shard(output, "things", shard, {"flux": np.zeros(len(shard), np.float32)}, statuses(shard, seed))


def create(output, size=10):
    schema = Schema("things", "object", {"object": size}, 4, (Variable("flux", ("object",), "f4"),))
    create_product(output, schema, {"provenance": {}})


@pytest.fixture
def bucket(monkeypatch):
    """An output whose listings show ETags as S3's do, with a product of three shards."""
    plain = MemoryFileSystem.find

    def find(self, path, **named):
        found = plain(self, path, **named)
        if not named.get("detail"):
            return found
        return {name: {**about, "ETag": f'"{etag_of(self.cat_file(name))}"'} for name, about in found.items()}

    monkeypatch.setattr(MemoryFileSystem, "find", find)
    output = f"memory://marks-{next(NUMBERS)}"
    create(output)
    for shard in SHARDS:
        write(output, shard)
    forget_marks()
    yield output
    fsspec.filesystem("memory").rm(output, recursive=True)
    forget_marks()


@pytest.fixture
def reads(monkeypatch):
    """How often each mark was read."""
    seen, plain = Counter(), FsspecStore.get

    async def get(self, key, *arguments, **named):
        seen[key] += "/c/" in key
        return await plain(self, key, *arguments, **named)

    monkeypatch.setattr(FsspecStore, "get", get)
    return seen


WHOLE = np.concatenate([statuses(shard) for shard in SHARDS])


def test_a_mark_is_read_once(bucket, reads):
    for _ in range(3):
        assert (read_status(bucket, "things") == WHOLE).all()
    assert +reads == {f"status/c/{index}": 1 for index in range(3)}


def test_another_process_reads_no_mark_that_progress_parquet_holds(bucket, reads):
    read_status(bucket, "things")
    assert store_marks(bucket) == 3
    forget_marks()
    reads.clear()
    assert (read_status(bucket, "things") == WHOLE).all()
    assert not +reads


def test_the_file_that_a_write_returns_is_the_mark(bucket, reads):
    raw = write(bucket, SHARDS[1], seed=1)
    known_marks(bucket)[etag_of(raw)] = raw
    assert (read_status(bucket, "things", SHARDS[1].rows) == statuses(SHARDS[1], 1)).all()
    reads.clear()
    assert (read_status(bucket, "things")[4:8] == statuses(SHARDS[1], 1)).all()
    assert "status/c/1" not in +reads


@pytest.mark.parametrize("index", range(3))
def test_what_has_changed_since_is_read_again(bucket, index):
    """Whoever changed it, and although the file still has what was there before."""
    read_status(bucket, "things")
    store_marks(bucket)
    for process in range(2):
        write(bucket, SHARDS[index], seed=process + 1)
        expected = WHOLE.copy()
        expected[SHARDS[index].rows] = statuses(SHARDS[index], process + 1)
        assert (read_status(bucket, "things") == expected).all()
        forget_marks()
        assert (read_status(bucket, "things") == expected).all()


def test_what_is_marked_or_lost_is_pending_whatever_the_file_says(bucket):
    read_status(bucket, "things")
    store_marks(bucket)
    mark_pending(bucket, "things", SHARDS[:1])
    mark_rows_pending(bucket, "things", np.arange(10) == 5, SHARDS)
    remove(join(bucket, "things.zarr/status/c/2"))
    expected = WHOLE.copy()
    expected[[0, 1, 2, 3, 5, 8, 9]] = Status.PENDING
    for _ in range(2):
        assert (read_status(bucket, "things") == expected).all()
        forget_marks()


def test_a_product_made_anew_is_pending(bucket):
    read_status(bucket, "things")
    store_marks(bucket)
    for size in (10, 6):
        create(bucket, size)
        assert read_status(bucket, "things").tolist() == [0] * size


@pytest.mark.parametrize("content", [b"", b"PAR1", b"something else"])
def test_a_damaged_file_is_as_good_as_none(bucket, content, caplog):
    write_bytes(join(bucket, PROGRESS), content)
    assert (read_status(bucket, "things") == WHOLE).all()
    assert PROGRESS in caplog.text


def test_the_file_of_another_output_says_nothing(bucket, reads):
    write_table(join(bucket, PROGRESS), pa.table({"mark": [b"", b"no mark of ours"]}))
    assert (read_status(bucket, "things") == WHOLE).all()
    assert sum(reads.values()) == 3


def test_without_etags_all_marks_are_read_each_time(bucket, reads, monkeypatch):
    plain, tag = MemoryFileSystem.find, {"ETag": '"0x8D-another-kind"'}

    def find(self, path, **named):
        found = plain(self, path, **named)
        return {name: {**about, **tag} for name, about in found.items()} if named.get("detail") else found

    monkeypatch.setattr(MemoryFileSystem, "find", find)
    assert (read_status(bucket, "things") == WHOLE).all()
    write(bucket, SHARDS[0], seed=1)
    assert (read_status(bucket, "things")[:4] == statuses(SHARDS[0], 1)).all()


def test_a_damaged_mark_is_told(bucket):
    write_bytes(join(bucket, "things.zarr/status/c/1"), b"bits that nobody wrote")
    with pytest.raises(DamagedError, match=r"things.zarr: status of shard 1 \(rows 4 to 7\)"):
        read_status(bucket, "things")


def test_marks_that_no_product_has_are_forgotten(bucket):
    read_status(bucket, "things")
    mark_pending(bucket, "things", SHARDS[:2])
    assert store_marks(bucket, marks_there(bucket)) == 1
    forget_marks()
    assert set(known_marks(bucket)) == marks_there(bucket)


def test_a_folder_has_no_such_file(tmp_path):
    create(str(tmp_path))
    for shard in SHARDS:
        write(str(tmp_path), shard)
    assert (read_status(str(tmp_path), "things") == WHOLE).all()
    assert not exists(str(tmp_path / PROGRESS))
