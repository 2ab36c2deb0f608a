"""Notes of problems, in a folder and in an object store."""

from itertools import count

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from survey_batch.core.paths import join, remove, write_bytes
from survey_batch.core.status import Status
from survey_batch.store import notes
from survey_batch.store.notes import (
    collect_problems,
    damaged_notes,
    note_paths,
    note_problems,
    problems_of,
    problems_path,
    read_notes,
)
from survey_batch.store.problems import ALL, PROBLEM_SCHEMA, Problem, read_problems
from survey_batch.store.schema import cut_into_shards
from survey_batch.store.small_files import opened_table

SHARDS = cut_into_shards("object", 12, 4)
NUMBERS = count()


@pytest.fixture(params=["folder", "bucket"])
def output(request, tmp_path):
    """An output in which the last shard alone has no problems."""
    output = str(tmp_path) if request.param == "folder" else f"memory://notes[{next(NUMBERS)}]*"
    for shard in SHARDS[:2]:
        problems = [Problem(row, Status.NOT_FOUND, f"no file {row}", "-") for row in (0, 3)]
        note_problems(output, "spectra", shard, np.ones(4, bool), problems, ["a", "b"])
    return output


def test_all_notes_are_collected_in_order(output):
    assert collect_problems(output, {"spectra": SHARDS}) == 4
    assert read_problems(output)["row"].to_pylist() == [0, 3, 4, 7]


def test_collected_notes_are_in_large_row_groups(output, monkeypatch):
    assert collect_problems(output, {"spectra": SHARDS}) == 4
    with opened_table(join(output, ALL)) as file:
        assert file.num_row_groups == 1
    monkeypatch.setattr(notes, "SLICE_ROWS", 3)
    assert collect_problems(output, {"spectra": SHARDS}) == 4
    with opened_table(join(output, ALL)) as file:
        assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [3, 1]
    assert read_problems(output)["row"].to_pylist() == [0, 3, 4, 7]


def test_a_shard_without_notes_has_none(output):
    assert problems_of(output, "spectra", SHARDS)["row"].to_pylist() == [0, 3, 4, 7]
    assert problems_of(output, "spectra", SHARDS[2:]).num_rows == 0


def test_a_note_that_is_removed_meanwhile_is_left_out(output):
    paths = note_paths(output)
    remove(problems_path(output, "spectra", SHARDS[0]))
    assert [table.num_rows for table in read_notes(paths)] == [0, 2]


def test_damaged_notes_are_those_of_the_last_run(output, caplog):
    collect_problems(output, {"spectra": SHARDS})
    write_bytes(problems_path(output, "spectra", SHARDS[1]), b"PAR1")
    assert collect_problems(output, {"spectra": SHARDS}) == 4
    assert "spectra-000001.parquet is damaged" in caplog.text


def test_notes_in_an_object_store_are_asked_for_together(monkeypatch):
    output, asked, plain = f"memory://notes-{next(NUMBERS)}", [], MemoryFileSystem.cat_ranges
    for shard in SHARDS:
        note_problems(output, "spectra", shard, np.ones(4, bool), [Problem(0, Status.FAILED, "why", "-")], ["a"])

    def cat_ranges(self, paths, *arguments, **named):
        asked.append(len(paths))
        return plain(self, paths, *arguments, **named)

    monkeypatch.setattr(MemoryFileSystem, "cat_ranges", cat_ranges)
    assert sum(table.num_rows for table in read_notes(note_paths(output))) == 3
    assert asked == [3]
    write_bytes(problems_path(output, "spectra", SHARDS[1]), b"PAR1")
    assert [error.path for error in damaged_notes(note_paths(output))] == [problems_path(output, "spectra", SHARDS[1])]
    assert asked == [3, 3]


def test_notes_of_which_nothing_stays_are_not_read_before_they_are_written_again(output, monkeypatch):
    read = []
    monkeypatch.setattr(notes, "read_note", lambda *given: read.append(given) or PROBLEM_SCHEMA.empty_table())
    problem = Problem(1, Status.FAILED, "why", "-")
    note_problems(output, "spectra", SHARDS[0], np.ones(4, bool), [problem], ["c"])
    assert not read
    assert problems_of(output, "spectra", SHARDS[:1])["row"].to_pylist() == [1]
    note_problems(output, "spectra", SHARDS[0], np.ones(4, bool), [], [])  # there may be a note that is no longer true
    note_problems(output, "spectra", SHARDS[0], np.arange(4) > 1, [problem], ["c"])
    assert len(read) == 2


def test_a_store_that_fails_is_no_output_without_problems(monkeypatch):
    def fail(self, paths, *_, **__):
        return [ConnectionError("no answer") for _ in paths]

    monkeypatch.setattr(MemoryFileSystem, "cat_ranges", fail)
    with pytest.raises(ConnectionError, match="no answer"):
        list(read_notes([join("memory://notes", "problems", "spectra-000000.parquet")]))
