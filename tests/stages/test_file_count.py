"""How many files `plan` counts, and of which size, where objects share files."""

import pyarrow as pa
import pytest

from survey_batch.config.job import Job
from survey_batch.core.errors import InvalidError
from survey_batch.planning.plan import make_plan
from survey_batch.stages import file_count, make_stage
from survey_batch.stages.file_count import count_files
from tests.jobs import write_catalog


def cost_of(folder, files, root=None, **archive):
    """The cost of spectra in these files, one for each row."""
    path = write_catalog(folder / "catalog.csv", [{"id": n, "file": file} for n, file in enumerate(files)])
    job = {
        "name": "test",
        "output": str(folder / "out"),
        "stages": ["spectra"],
        "catalog": {"path": str(path)},
        "archive": {"survey": "fits-spectra", "root": root or str(folder), **archive},
    }
    plan = make_plan(Job.model_validate(job))
    return make_stage(plan.job, "spectra").cost(plan)


def objects_in(files):
    return pa.table({"problem": [""] * len(files), "file": files})


def test_a_file_that_many_rows_share_is_counted_once_with_its_own_size(tmp_path):
    for name, size in (("a", 3000), ("b", 5000)):
        (tmp_path / f"{name}.fits").write_bytes(bytes(size))
    cost = cost_of(tmp_path, ["b.fits", "a.fits", "", "b.fits", "a.fits", "b.fits"])
    assert (cost.files, cost.fetch_bytes) == (2, 8000)


def test_few_files_are_requested_at_a_time_where_each_holds_many_spectra(tmp_path):
    shared = cost_of(tmp_path, ["a.fits"] * 40 + ["b.fits"] * 40, "https://archive.invalid", connections=8)
    single = cost_of(tmp_path, [f"{n}.fits" for n in range(80)], "https://archive.invalid", connections=8)
    assert (shared.files, shared.at_once) == (2, 2)
    assert (single.files, single.at_once) == (80, 8)
    assert single.worker_bytes - shared.worker_bytes == 6 * 2 * 200_000  # files in memory at a time


@pytest.mark.parametrize("per_file", [1, 5, 40])
def test_files_of_a_long_plan_are_estimated_from_some_of_its_rows(monkeypatch, per_file):
    monkeypatch.setattr(file_count, "ROWS_SEEN", 640)
    seen = []
    files = count_files(
        objects_in([f"{n // per_file}" for n in range(4000)]), lambda row: seen.append(row) or row["file"]
    )
    assert files.number == pytest.approx(4000 / per_file, rel=0.3)
    assert len(seen) == 640


def test_an_object_without_a_file_counts_for_none():
    def path(row):
        if not row["file"]:
            raise InvalidError("no file")
        return row["file"]

    objects = pa.concat_tables([objects_in(["", "a", "a"]), pa.table({"problem": ["bad"], "file": ["c"]})])
    assert count_files(objects, path).number == 1
    assert count_files(objects.slice(0, 0), path).number == 0
