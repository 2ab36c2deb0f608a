from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.planning import stored
from survey_batch.planning.hashing import hash_of
from survey_batch.planning.stored import (
    parts_not_stored,
    planned_rows,
    read_plan_columns,
    read_plan_part,
    read_rows_of,
    store_table,
    stored_table,
    table_path,
)
from survey_batch.store.schema import cut_into_shards
from survey_batch.store.small_files import DamagedFileError


def objects(count, **metadata):
    table = pa.table({"object_id": [f"id-{row}" for row in range(count)], "ra": np.linspace(10, 11, count)})
    return table.replace_schema_metadata(metadata or None)


def files(folder):
    return sorted(path.name for path in (folder / "plan").iterdir())


def in_one_file(folder, table, shard):
    """The layout of earlier versions, with all shards in one file."""
    path = folder / "plan" / "objects.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, row_group_size=shard, compression="zstd", write_page_checksum=True)


@pytest.fixture
def two_shards_a_file(monkeypatch):
    monkeypatch.setattr(stored, "GROUPS_PER_PART", 2)


@settings(max_examples=25)
@given(st.data())
def test_a_plan_of_any_number_of_files_reads_as_the_table_that_was_stored(tmp_path_factory, data):
    count, shard, at_once = (data.draw(st.integers(low, high)) for low, high in ((0, 30), (1, 7), (1, 4)))
    start, stop = sorted(data.draw(st.tuples(st.integers(0, count), st.integers(0, count))))
    table, output = objects(count), str(tmp_path_factory.mktemp("out"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "GROUPS_PER_PART", at_once)
        store_table(output, "object", table, shard)
        assert planned_rows(output) == count
        assert hash_of(stored_table(output, "object")) == hash_of(table)
        assert hash_of(read_plan_part(output, table.column_names)) == hash_of(table)
        assert (
            read_plan_part(output, ["ra"], slice(start, stop))["ra"].to_pylist() == table["ra"].to_pylist()[start:stop]
        )
        read = [read_rows_of(output, one)["object_id"].tolist() for one in cut_into_shards("object", count, shard)]
    assert list(chain.from_iterable(read)) == table["object_id"].to_pylist()
    assert all(len(rows) == shard for rows in read[:-1])


def test_a_file_holds_a_few_hundred_shards(tmp_path, two_shards_a_file):
    store_table(str(tmp_path), "object", objects(9), 2)
    assert files(tmp_path) == ["objects-00001.parquet", "objects-00002.parquet", "objects.parquet"]
    groups = [pq.ParquetFile(tmp_path / "plan" / name).num_row_groups for name in files(tmp_path)]
    assert groups == [2, 1, 2]
    assert read_plan_columns(str(tmp_path), ["nothing"]) == {}


def test_a_small_plan_is_stored_as_earlier_versions_did(tmp_path):
    store_table(str(tmp_path), "object", objects(9, kept="this"), 2)
    now = (tmp_path / "plan" / "objects.parquet").read_bytes()
    in_one_file(tmp_path, objects(9, kept="this"), 2)
    assert (tmp_path / "plan" / "objects.parquet").read_bytes() == now


def test_a_large_plan_of_an_earlier_version_is_read_and_then_stored_anew(tmp_path, two_shards_a_file):
    output, table = str(tmp_path), objects(9)
    in_one_file(tmp_path, table, 2)
    assert planned_rows(output) == 9
    assert hash_of(read_plan_part(output, table.column_names)) == hash_of(table)
    assert read_plan_part(output, ["ra"], slice(5, 8))["ra"].to_pylist() == table["ra"].to_pylist()[5:8]
    assert len(parts_not_stored(output, "object", table, 2)) == 3
    store_table(output, "object", table, 2)
    assert parts_not_stored(output, "object", table, 2) == []
    assert hash_of(stored_table(output, "object")) == hash_of(table)


def test_what_is_stored_already_stays_as_it_is_and_what_is_left_over_goes(tmp_path, two_shards_a_file):
    output = str(tmp_path)
    store_table(output, "object", objects(9), 2)
    store_table(output, "frame", objects(1), 2)
    before = {name: (tmp_path / "plan" / name).stat().st_ino for name in files(tmp_path)}
    changed = pa.concat_tables([objects(9).slice(0, 4), objects(9).slice(3, 1), objects(9).slice(5)])
    assert parts_not_stored(output, "object", changed, 2) == [table_path(output, "object", 1)]
    store_table(output, "object", changed, 2)
    after = {name: (tmp_path / "plan" / name).stat().st_ino for name in files(tmp_path)}
    assert {name for name in after if after[name] != before[name]} == {"objects-00001.parquet"}
    store_table(output, "object", objects(3), 2)
    assert files(tmp_path) == ["frames.parquet", "objects.parquet"]
    assert planned_rows(output) == 3


def test_other_words_about_the_same_rows_are_stored(tmp_path):
    store_table(str(tmp_path), "object", objects(3, chosen="all"), 2)
    assert parts_not_stored(str(tmp_path), "object", objects(3, chosen="a sample"), 2)
    store_table(str(tmp_path), "object", objects(3, chosen="a sample"), 2)
    assert read_plan_part(str(tmp_path), ["ra"]).schema.metadata[b"chosen"] == b"a sample"


def test_a_part_that_is_missing_or_damaged_is_told_and_mended(tmp_path, two_shards_a_file):
    output, table = str(tmp_path), objects(9)
    store_table(output, "object", table, 2)
    missing, damaged = (tmp_path / "plan" / f"objects-0000{part}.parquet" for part in (1, 2))
    missing.unlink()
    damaged.write_bytes(b"")
    assert parts_not_stored(output, "object", table, 2) == [str(missing), str(damaged)]
    assert stored_table(output, "object") is None
    with pytest.raises(DamagedFileError, match=r"objects-00002.parquet is damaged"):
        read_plan_part(output, ["ra"], slice(8, 9))
    store_table(output, "object", table, 2)
    assert hash_of(stored_table(output, "object")) == hash_of(table)
