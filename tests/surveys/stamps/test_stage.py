import csv

import numpy as np
import pytest

from survey_batch.catalog import read_catalog
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.optics.exposure import exposure_key
from survey_batch.planning.plan import make_plan
from survey_batch.stages import make_stage
from survey_batch.stages.base import take
from survey_batch.surveys.stamps.files import read_exposure
from tests.stamp_files import small_archive, stamps_job


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return small_archive(tmp_path_factory.mktemp("stamps"), objects=30, exposures=2)


def stage(catalog):
    return make_stage(stamps_job(catalog, catalog.parent, "unused"), "stamps")


def rows(catalog, **changed):
    with catalog.open(newline="") as stream:
        table = list(csv.DictReader(stream))
    columns = {name: np.array([row[name] for row in table], object) for name in ("object_id", "exposure")}
    return {**columns, "ra": np.array([float(row["ra"]) for row in table]), **changed}


def test_each_star_gets_its_own_stamp_by_its_identifier(catalog):
    table = rows(catalog)
    shuffled = take(table, np.random.default_rng(1).permutation(30))
    block = stage(catalog).compute(shuffled, {})
    assert (block.status == Status.OK).all()
    for place, (name, object_id) in enumerate(zip(shuffled["exposure"], shuffled["object_id"], strict=True)):
        exposure = read_exposure((catalog.parent / f"{name}.fits").read_bytes())
        row = exposure.row_of(object_id)
        np.testing.assert_array_equal(block.data["flux"][place], exposure.flux[row])
        np.testing.assert_array_equal(block.data["ivar"][place], exposure.ivar[row])
        assert (block.data["x_field"][place], block.data["y_field"][place]) == (exposure.x[row], exposure.y[row])
        assert block.data["exposure_key"][place] == exposure_key(name)


def test_what_cannot_be_had_has_a_status_and_a_reason_and_no_data(catalog):
    table = rows(catalog)
    table["object_id"][3] = "nobody"
    table["exposure"][5] = "absent"
    table["exposure"][7] = "broken"
    (catalog.parent / "broken.fits").write_bytes(b"SIMPLE  =                    T" + b" " * 2850)
    block = stage(catalog).compute(table, {})
    statuses = dict.fromkeys(range(30), Status.OK) | {3: Status.NOT_FOUND, 5: Status.NOT_FOUND, 7: Status.UNREADABLE}
    assert dict(enumerate(block.status)) == statuses
    problems = {problem.row: problem for problem in block.problems}
    assert sorted(problems) == [3, 5, 7]
    assert "nobody" in problems[3].message
    assert problems[5].source.endswith("absent.fits")
    assert np.isnan(block.data["flux"][[3, 5, 7]]).all()


def test_a_row_alone_and_in_a_block_are_the_same(catalog):
    whole = stage(catalog).compute(rows(catalog), {})
    for row in (0, 17, 29):
        alone = stage(catalog).compute(take(rows(catalog), slice(row, row + 1)), {})
        for name, values in alone.data.items():
            np.testing.assert_array_equal(values[0], whole.data[name][row])


def test_a_catalogue_without_exposures_is_refused(catalog, tmp_path):
    path = tmp_path / "catalog.csv"
    path.write_text("object_id,ra,dec\na,1,2\n")
    with pytest.raises(ConfigurationError, match="'exposure'"):
        make_plan(stamps_job(path, catalog.parent, tmp_path / "out"))


@pytest.mark.parametrize("exposure", ["", "../secret", "/etc/passwd", "a/../../b"])
def test_a_row_without_an_exposure_below_the_root_is_invalid(catalog, tmp_path, exposure):
    path = tmp_path / "catalog.csv"
    path.write_text(f"object_id,ra,dec,exposure\na,1,2,{exposure}\nb,1,2,night/exposure-1\n")
    job = stamps_job(path, catalog.parent, tmp_path / "out")
    table = read_catalog(job.catalog, job.archive).table
    problems = dict(zip(table["object_id"].to_pylist(), table["problem"].to_pylist(), strict=True))
    assert "exposure" in problems["a"]
    assert problems["b"] == ""


def test_a_row_without_an_identifier_is_invalid(catalog, tmp_path):
    path = tmp_path / "catalog.csv"
    path.write_text("object_id,ra,dec,exposure\n,1,2,e\nb,1,2,e\n")
    job = stamps_job(path, catalog.parent, tmp_path / "out")
    problems = read_catalog(job.catalog, job.archive).table["problem"].to_pylist()
    assert [bool(problem) for problem in problems] == [True, False]


def test_the_cost_counts_each_exposure_once(catalog, tmp_path):
    plan = make_plan(stamps_job(catalog, catalog.parent, tmp_path / "out"))
    assert stage(catalog).cost(plan).files == 2
