import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.report.reading import problems_so_far
from survey_batch.store import problems
from survey_batch.store.notes import collect_problems
from survey_batch.store.problems import PROBLEM_SCHEMA, SHOWN, Problem, count_reasons, pattern_of, read_problems


def notes(*messages):
    rows = [
        {"object_id": str(row), "stage": "cutouts", "status": "partial", "message": message, "source": "", "row": row}
        for row, message in enumerate(messages)
    ]
    return pa.Table.from_pylist(rows, schema=PROBLEM_SCHEMA)


def test_reasons_that_differ_in_numbers_paths_and_bands_count_as_one():
    table = notes(
        "u: 51.6% of the pixels are on the frame; g: 50.0% of the pixels are on the frame",
        "r: 12.5% of the pixels are on the frame",
        "i: the archive has no file /a/frame-i.fits.bz2",
        "z: the archive has no file /b/frame-z.fits.bz2",
    )
    assert sorted(count for *_, count in count_reasons(table)) == [2, 2]


def test_reasons_that_differ_in_names_and_bytes_in_quotes_count_as_one():
    table = notes(
        "the frame's unit is 'nanomaggy per pixel'; what is needed is a calibrated frame",
        "the frame's unit is 'erg'; what is needed is a calibrated frame",
        "a/1.fits: expected FITS, got 9 bytes that begin with b'a b;\\x00'; look at it",
        'a/2.fits: expected FITS, got 12 bytes that begin with b"<ht\'ml"; look at it',
    )
    assert sorted(count for *_, count in count_reasons(table)) == [2, 2]
    assert pattern_of(table["message"][0].as_py()) == "the frame's unit is #"


def test_a_single_message_has_the_reason_that_it_has_in_a_table():
    messages = ("a 'b c' d", "1 2 x", "it's 'so' and so; no")
    kinds = {(message, count) for *_, message, count in count_reasons(notes(*messages))}
    assert kinds == {(message, 1) for message in messages}
    assert {pattern_of(message) for message in messages} == {"a # d", "# x", "it's # and so"}


def test_a_reason_is_shown_by_its_shortest_message():
    assert count_reasons(notes("u: 5 % there; g: 6 % there", "r: 7 % there"))[0][2:] == ("r: 7 % there", 2)


def test_no_problems_have_no_reasons():
    assert count_reasons(PROBLEM_SCHEMA.empty_table()) == []


def test_an_output_without_problems_has_an_empty_table(tmp_path):
    assert read_problems(str(tmp_path)).num_rows == 0
    assert collect_problems(str(tmp_path)) == 0
    assert read_problems(str(tmp_path)).column_names == SHOWN


def test_problems_of_an_output_whose_path_looks_like_a_pattern_are_all_there(tmp_path):
    output = tmp_path / "runs[ab]*"
    (output / "problems").mkdir(parents=True)
    pq.write_table(notes("one", "two"), output / "problems" / "cutouts-000000.parquet")
    assert collect_problems(str(output)) == 2
    assert read_problems(str(output)).num_rows == 2
    assert problems_so_far(str(output), ended=False)[0].num_rows == 2


@given(st.lists(st.sampled_from(["a 1", "b 2", "a 3", "c", "b", "d 4 e"]), max_size=30), st.integers(1, 30))
def test_reasons_do_not_depend_on_the_problems_compared_at_a_time(messages, at_a_time):
    table = notes(*messages)
    whole = count_reasons(table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "SLICE_ROWS", at_a_time)
        assert count_reasons(table) == whole
    assert sum(count for *_, count in whole) == len(messages)


def test_a_reason_is_shown_by_its_first_message_and_the_most_frequent_come_first():
    assert [row[2:] for row in count_reasons(notes("x", "no 1", "no 2", "y", "no 3"), limit=2)] == [
        ("no 1", 3),
        ("x", 1),
    ]


def test_what_is_shown_of_problems_is_read_from_the_file(tmp_path):
    table = notes("first", "second", "third")
    pq.write_table(table, tmp_path / "problems.parquet", row_group_size=2)
    assert read_problems(str(tmp_path)).equals(table.select(SHOWN))


def test_a_problem_of_another_row_says_the_same():
    problem = Problem(1, Status.PARTIAL, "password=abc123", "a source", "a traceback")
    moved = problem.at(7)
    assert moved == Problem(7, Status.PARTIAL, "password=abc123", "a source", "a traceback")
    assert problem.row == 1
