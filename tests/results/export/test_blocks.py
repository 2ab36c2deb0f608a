"""A table that is read in blocks of rows is the same file, to the byte, as one that is read at once."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pytest
from astropy.table import Table
from hypothesis import given

from survey_batch.core import sorting
from survey_batch.core.sorting import Sorter
from survey_batch.results.export import staging
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.encoded import common_form
from survey_batch.results.export.fits_columns import encode
from survey_batch.results.export.fits_table import write_fits
from survey_batch.results.export.joined import Joined
from survey_batch.results.export.votable import write_votable
from tests.results.export.test_law import many, tables

WRITERS = {"fits": write_fits, "vot": write_votable}


def written(columns, ending, folder, rows):
    """Write a table that is read so many rows at a time; return the file and what was said."""
    before, staging.BATCH_ROWS = staging.BATCH_ROWS, rows
    changes, path = Changes(), folder / f"{rows}.{ending}"
    table = pa.table({str(number): column for number, column in enumerate(columns)})
    try:
        WRITERS[ending](Joined.of(table, changes), path)
    finally:
        staging.BATCH_ROWS = before
    return path.read_bytes(), changes.lines()


@pytest.mark.parametrize("ending", WRITERS)
def test_any_table_is_the_same_whatever_the_blocks(ending, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")

    @many
    @given(tables())
    def check(columns):
        assert written(columns, ending, folder, 2) == written(columns, ending, folder, 100)

    check()


TEXTS = {
    "longer later": ["a", "b", "longer", None],
    "escaped later": ["a\\", "b", "é", None],
    "blank later": ["a", "b", "", None],
    "absent at first": [None, None, "a", "bc"],
    "two bytes later": ["abcdefgh", "b", "µ", "a"],
}


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_the_same_where_blocks_differ(ending, name, tmp_path):
    column = [pa.array(TEXTS[name])]
    assert written(column, ending, tmp_path, 2) == written(column, ending, tmp_path, 100)


LOW = -(2**31)


@pytest.mark.parametrize(
    ("first", "second", "null"),
    [
        ([1, 2], [3, 4], None),
        ([1, None], [3, 4], LOW),
        ([1, 2], [None, 4], LOW),
        ([None, 2], [None, 4], LOW),
    ],
)
def test_blocks_of_integers_agree_with_and_without_gaps(first, second, null):
    form = common_form(encode(pa.array(block, pa.int32())) for block in (first, second))
    assert (form.array.shape, form.array.dtype, form.null) == ((0,), np.dtype("i4"), null)


def test_blocks_that_hold_the_value_for_nothing_do_not_agree():
    assert common_form(encode(pa.array(block, pa.int32())) for block in ([LOW, 2], [None, 4])) is None
    assert common_form([]) is None


def test_a_column_of_text_is_not_held_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(staging, "BATCH_ROWS", 1000)
    texts = pa.array([f"{row:0200d}" for row in range(50_000)])
    for ending, write in WRITERS.items():
        tracemalloc.start()
        write(Joined.of(pa.table({"text": texts}), Changes()), tmp_path / f"t.{ending}")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < texts.nbytes / 3


def test_a_bucket_is_taken_back_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(sorting, "BATCH_ROWS", 3)
    sorter = Sorter(tmp_path / "rows", 2)
    for key in (np.arange(8)[::-1], np.arange(8, 12)):
        sorter.add(pa.table({"value": key * 10}), np.zeros(len(key), int), key)
    parts = [part["value"].to_pylist() for part in sorter.parts(0)]
    assert [len(part) for part in parts] == [3] * 4
    assert (
        [value for part in parts for value in part]
        == sorter.bucket(0)["value"].to_pylist()
        == [10 * key for key in range(12)]
    )
    assert [part.num_rows for part in sorter.parts(1)] == [0]


def test_vectors_of_text_are_json_in_votable(tmp_path):
    column = [pa.array([["a", "bc"], ["d", None]], pa.list_(pa.string(), 2))]
    _, said = written(column, "vot", tmp_path, 2)
    assert Table.read(tmp_path / "2.vot", format="votable")["column_1"].tolist() == ['["a", "bc"]', '["d", null]']
    assert said == ["0: as JSON text"]
