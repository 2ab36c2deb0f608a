import pyarrow as pa

from survey_batch.problems import collect_problems, count_reasons, read_problems
from survey_batch.work import PROBLEM_SCHEMA


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


def test_no_problems_have_no_reasons():
    assert count_reasons(PROBLEM_SCHEMA.empty_table()) == []


def test_an_output_without_problems_has_an_empty_table(tmp_path):
    assert read_problems(str(tmp_path)).num_rows == 0
    assert collect_problems(str(tmp_path)) == 0
    assert read_problems(str(tmp_path)).schema.equals(PROBLEM_SCHEMA)
