"""`run --retry`: exactly the rows with the named statuses, and those made from them, are unfinished again."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution import retry
from survey_batch.execution.retry import mark_for_retry, rows_to_retry, statuses_to_retry
from survey_batch.planning.plan import make_plan
from survey_batch.stages import make_stages
from tests.jobs import lamost_job, sdss_job, write_catalog
from tests.lamost_files import make_archive

_, OK, PARTIAL, MISSING, UNREADABLE, OUTSIDE, INVALID, _, FAILED = Status


@pytest.mark.parametrize(
    "names",
    [
        "not_found,unreadable",
        " unreadable , not_found",
        ["not_found", "unreadable"],
        [MISSING, "unreadable"],
        {UNREADABLE, MISSING},
    ],
)
def test_statuses_are_named_in_any_way(names):
    assert statuses_to_retry(names) == {MISSING, UNREADABLE}


def test_one_status_or_none():
    assert statuses_to_retry(MISSING) == statuses_to_retry("not_found") == {MISSING}
    assert statuses_to_retry(()) == frozenset()


@pytest.mark.parametrize("name", ["ok", "pending", "invalid", "lost", "NOT_FOUND", ""])
def test_a_wrong_name_is_refused_with_the_right_ones(name):
    right = "partial, not_found, unreadable, outside, unreachable, failed"
    with pytest.raises(ConfigurationError, match=f"status '{name}' can be tried again: name one or more of {right}"):
        statuses_to_retry(f"not_found,{name}")


@pytest.fixture
def found(monkeypatch):
    """Find the rows of a job whose products have some statuses; what is written is noted in `found.written`."""
    written = []

    def find(job, statuses, wanted):
        statuses = {name: np.array(values, np.uint8) for name, values in statuses.items()}
        monkeypatch.setattr(retry, "read_status", lambda _, name: statuses[name])
        monkeypatch.setattr(retry, "mark_rows_pending", lambda _, name, rows, __: written.append((name, rows)))
        plan, stages = make_plan(job), make_stages(job)
        existing = [stage for stage in stages if stage.name in statuses]
        marks = rows_to_retry(plan, stages, existing, statuses_to_retry(wanted))
        find.counts = mark_for_retry(plan, stages, marks)
        assert [name for name, _ in written] == list(marks)[::-1]
        return {name: rows.astype(int).tolist() for name, rows in marks.items()}

    return find


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    keys = make_archive(tmp_path_factory.mktemp("archive"), 6)
    return lambda *stages, **tables: lamost_job(keys, "unused", stages, **tables)


def test_a_row_takes_along_what_was_made_from_it_and_no_other(found, spectra):
    of = {
        "spectra": [OK, MISSING, UNREADABLE, OK, INVALID, PARTIAL],
        "features": [OK, MISSING, UNREADABLE, FAILED, INVALID, UNREADABLE],
    }
    job = spectra("spectra", "features")
    assert found(job, of, "not_found") == {"spectra": [0, 1, 0, 0, 0, 0], "features": [0, 1, 0, 0, 0, 0]}
    assert found.counts == {"spectra": 1, "features": 1}


def test_a_row_that_fails_in_a_later_product_alone_leaves_the_earlier_ones(found, spectra):
    of = {"spectra": [OK, MISSING, OK, OK, OK, PARTIAL], "features": [OK, MISSING, UNREADABLE, OK, OK, PARTIAL]}
    assert found(spectra("spectra", "features"), of, "unreadable") == {"features": [0, 0, 1, 0, 0, 0]}


def test_another_status_in_the_later_product_is_tried_again_with_the_row(found, spectra):
    of = {"spectra": [OK, OK, OK, OK, OK, PARTIAL], "features": [OK, OK, OK, OK, OK, UNREADABLE]}
    assert found(spectra("spectra", "features"), of, "partial") == {"spectra": [0] * 5 + [1], "features": [0] * 5 + [1]}


def test_products_that_do_not_exist_and_statuses_that_do_not_occur_are_no_matter(found, spectra):
    assert found(spectra("spectra", "features"), {"spectra": [OK, MISSING] + [OK] * 4}, "not_found,outside") == {
        "spectra": [0, 1, 0, 0, 0, 0]
    }


def test_nothing_to_try_again_marks_nothing(found, spectra):
    assert found(spectra("spectra"), {"spectra": [OK] * 6}, "not_found,unreadable") == {}


@pytest.fixture
def images(tmp_path):
    """Objects in fields 10, 11, 12 and 20 of one strip; two of each, and one that names no field."""
    strip = {"run": 1, "rerun": 301, "camcol": 3}
    rows = [
        {"objid": f"{field}{n}", "ra": 10 + field / 10, "dec": n / 100, **strip, "field": field}
        for field in (10, 11, 12, 20)
        for n in (0, 1)
    ]
    rows.append({**rows[0], "objid": "none", "field": ""})
    path = write_catalog(tmp_path / "objects.csv", rows)

    def job(keep=True, **tables):
        stages = (["frames"] if keep else []) + ["cutouts", "composites"]
        return sdss_job(path, "unused", "unused", stages=stages, frames={"bands": "gri", "keep": keep}, **tables)

    return job


FRAMES = [[OK] * 3, [OK, MISSING, OK], [OK] * 3, [OK] * 3]


def test_a_frame_takes_along_the_objects_of_its_field_and_of_those_near_it(found, images):
    """Field 11 lacks a band. An object that is `ok` needed none of it, and field 20 is far away."""
    cutouts = [OK, PARTIAL, PARTIAL, PARTIAL, OUTSIDE, OK, PARTIAL, OK, INVALID]
    marks = found(images(), {"frames": FRAMES, "cutouts": cutouts, "composites": cutouts}, "not_found")
    assert marks["frames"] == [[0] * 3, [0, 1, 0], [0] * 3, [0] * 3]
    assert marks["cutouts"] == marks["composites"] == [0, 1, 1, 1, 1, 0, 0, 0, 0]
    assert found.counts == {"frames": 1, "cutouts": 4, "composites": 4}


def test_cutouts_that_are_not_kept_pass_it_on(found, images):
    composites = [OK, PARTIAL, PARTIAL, PARTIAL, OK, OK, PARTIAL, OK, INVALID]
    job = images(cutouts={"keep": False})
    assert found(job, {"frames": FRAMES, "composites": composites}, "not_found") == {
        "frames": [[0] * 3, [0, 1, 0], [0] * 3, [0] * 3],
        "composites": [0, 1, 1, 1, 0, 0, 0, 0, 0],
    }


def test_frames_that_are_not_kept_leave_each_object_its_own_status(found, images):
    cutouts = [OK, PARTIAL, MISSING, OK, OUTSIDE, OK, OK, OK, INVALID]
    assert found(images(keep=False), {"cutouts": cutouts, "composites": cutouts}, "not_found")["cutouts"] == [
        *(0, 0, 1, 0, 0, 0, 0, 0, 0)
    ]
