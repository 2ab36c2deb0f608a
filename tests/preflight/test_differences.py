"""What changed between two jobs is said in words: keys, rows and values, and no fingerprint."""

import re

import numpy as np
import pytest

from survey_batch.config.job import Job
from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.planning.plan import LABELS, make_plan, plan_fields
from survey_batch.planning.stored import to_numpy
from survey_batch.preflight.differences import _choices, differences
from survey_batch.preflight.provenance import check_made_by, check_product, provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product, write_shard
from tests.jobs import lamost_job, sdss_job
from tests.lamost_files import make_archive


@pytest.fixture
def keys(tmp_path):
    """Keys of a job without labels, on an archive of eight objects."""
    keys = make_archive(tmp_path / "archive", 8)
    return {**keys, "catalog": {"path": keys["catalog"]["path"]}}


def label_rows(plan, product):
    """Write the labels of a plan into a product, and that its rows are done."""
    for shard in plan.shards("object"):
        values = {name: to_numpy(plan.objects[name])[shard.rows].astype(object) for name in LABELS}
        write_shard(plan.job.output, product, shard, values, np.full(len(shard), Status.OK, np.uint8))


def make(job):
    """Create the product as a run does, without its values."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    plan.store()
    attrs = {"provenance": provenance_of(plan, stage), "job": job.model_dump(mode="json")}
    create_product(job.output, stage.schema(plan.size("object")), attrs)
    label_rows(plan, "spectra")


def refused(keys, output, then="Choose another output, undo the change, or delete spectra.zarr", **catalog):
    changed = lamost_job({**keys, "catalog": {**keys["catalog"], **catalog}}, output, ["spectra"])
    with pytest.raises(PlanMismatchError) as error:
        check_made_by(changed, "spectra")
    said = str(error.value)
    assert not re.search(r"\b[0-9a-f]{16}\b", said)
    assert then in said
    return said


RELABEL = "survey-batch run writes the new ones into the products; then train"


def test_labels_that_were_not_asked_for_then_are_named_with_key_and_values(keys, tmp_path):
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    said = refused(keys, tmp_path / "out", RELABEL, label="spectral_type")
    assert "the label of 8 rows changed" in said


def test_another_split_is_named(keys, tmp_path):
    keys["catalog"]["label"] = "spectral_type"
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    said = refused(keys, tmp_path / "out", RELABEL, split={"train": 1.0})
    assert "the split of 8 rows changed" in said


def test_a_catalogue_that_was_edited_is_named_by_its_rows_and_values(keys, tmp_path):
    path = tmp_path / "archive" / "catalog.csv"
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    text = path.read_text()
    path.write_text(text.replace("|10.03|", "|10.5|"))
    assert "catalog: ra differs in 1 of 8 rows; in the first of them it was 10.03, now 10.5" in refused(
        keys, tmp_path / "out"
    )
    path.write_text("".join(text.splitlines(keepends=True)[:-1]))
    assert "catalog: 1 of 8 rows is no longer there: '1007'. A catalogue may grow" in refused(keys, tmp_path / "out")
    path.write_text(text.replace("1003|", "2003|"))
    assert "catalog: 1 of 8 rows is no longer there: '1003'. A catalogue may grow" in refused(keys, tmp_path / "out")


def test_rows_that_vanished_are_named_also_where_others_were_added_or_changed(keys, tmp_path):
    path = tmp_path / "archive" / "catalog.csv"
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    head, *rows = path.read_text().splitlines()
    more = [row.replace("100", "200").replace("TEST", "MORE") for row in rows]
    path.write_text("\n".join([head, *more, rows[7].replace("|10.07|", "|10.5|")]) + "\n")
    said = refused(keys, tmp_path / "out")
    assert "catalog: 7 of 8 rows are no longer there: '1000', '1001', '1002', '1003', '1004' and 2 more. A" in said
    assert "catalog: ra differs in 1 of 1 row; in the first of them it was 10.07, now 10.5" in said


def test_what_may_leave_rows_out_when_others_come_is_named(keys, tmp_path):
    path, drawn = tmp_path / "archive" / "catalog.csv", {"sample": {"total": 3, "seed": 1}}
    text = path.read_text()
    path.write_text("\n".join(text.splitlines()[:4]) + "\n")
    make(lamost_job({**keys, "catalog": {**keys["catalog"], **drawn}}, tmp_path / "out", ["spectra"]))
    path.write_text(text)
    assert "put the rows back, unless [catalog.sample] leaves them out now: then" in refused(
        keys, tmp_path / "out", **drawn
    )


def test_a_match_is_named_where_it_leaves_rows_out():
    match = {"path": "other.csv", "unmatched": "leave_out"}
    assert _choices({"match": match, "duplicates": {"by": ["id"]}, "sample": None}) == (
        "[catalog.duplicates] or [catalog.match]"
    )
    assert _choices({"match": {**match, "unmatched": "keep"}}) == ""


def test_a_row_named_after_its_position_since_another_has_its_id_is_told(keys, tmp_path):
    path = tmp_path / "archive" / "catalog.csv"
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    text = path.read_text()
    path.write_text(text + text.splitlines()[3].replace("|10.02|", "|11.5|").replace("|3|STAR", "|33|STAR") + "\n")
    said = refused(keys, tmp_path / "out")
    assert re.search(
        r"there: '1002'; '1002' is '1002-J[0-9.+]+' now, as a row elsewhere on the sky has the same id", said
    )


def test_rows_of_a_plan_that_another_job_has_written_since_are_not_taken_for_those_of_the_product(keys, tmp_path):
    make(lamost_job(keys, tmp_path / "out", ["spectra"]))
    fewer = {**keys, "catalog": {**keys["catalog"], "label": "spectral_type", "select": {"labels": ["A"]}}}
    make_plan(lamost_job(fewer, tmp_path / "out", ["spectra"])).store()
    said = refused(keys, tmp_path / "out", label="spectral_type", select={"labels": ["A"]})
    assert "catalog.label: was not set, now 'spectral_type'" in said
    assert "catalog: different rows, or different values in them, than when it was made" in said


def test_the_same_job_is_not_refused_whatever_is_missing_in_its_catalogue(keys, tmp_path):
    job = lamost_job(keys, tmp_path / "out", ["spectra"])
    make(job)
    plan, stage = make_plan(job), make_stage(job, "spectra")
    assert check_product(job.output, "spectra", provenance_of(plan, stage), plan)


def test_what_is_known_by_its_content_alone_is_said_to_be_another():
    before = {"predictions.classifier": "a" * 64, "custom.mine.source": "b" * 16, "spectral_features.basis": None}
    now = {"predictions.classifier": "c" * 64, "custom.mine.source": "d" * 16, "spectral_features.basis": "e" * 64}
    assert differences(before, now) == [
        "custom.mine.function: its text has changed",
        "predictions.classifier: another classifier, or the same one trained again",
        "spectral_features.basis: was not set, now set",
    ]


@pytest.mark.parametrize(("before", "now", "said"), [(None, 500, "was 0, now 500"), (500, None, "was 500, now 0")])
def test_a_sample_that_was_not_needed_is_said_to_be_all(before, now, said):
    key = "spectral_features.sample"
    made = ({key: value} if value else {} for value in (before, now))
    assert differences(*made) == [f"{key}: {said}"]


def test_a_key_that_was_not_set_is_said_to_be_so():
    assert differences({}, {"archive.medium": "air"}) == ["archive.medium: was not set, now 'air'"]
    assert differences({"archive.medium": "air"}, {}) == ["archive.medium: was 'air', now not set"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([100, 101, 102], "had 2 fields, now 3. .* one list: search the new ones in a job with its own output\n"),
        ([100], "had 2 fields, now 1. .* one list: put them back\n"),
    ],
)
def test_fields_that_were_searched_cannot_grow_and_it_is_said_what_to_do(tmp_path, fields, said):
    listed = tmp_path / "fields.csv"

    def job(numbers):
        listed.write_text("run,camcol,field\n" + "".join(f"9001,3,{number}\n" for number in numbers))
        base = sdss_job(listed, tmp_path, tmp_path / "out", stages=["cutouts"]).model_dump(mode="json")
        return Job.model_validate(base | {"catalog": {"path": str(listed), "detect": {"threshold": 50, "rule": {}}}})

    plan = plan_fields(before := job([100, 102]))
    plan.store()
    stage = make_stage(before, "detections")
    attrs = {"provenance": provenance_of(plan, stage), "job": before.model_dump(mode="json")}
    create_product(before.output, stage.schema(plan.size("frame")), attrs)
    with pytest.raises(PlanMismatchError, match=said):
        check_made_by(job(fields), "detections")


def test_a_product_without_a_step_has_the_default_one():
    assert differences({}, {"spectra.step": 2e-5}) == ["spectra.step: was 0.0001, now 2e-05"]
    assert differences({"spectra.step": 2e-5}, {}) == ["spectra.step: was 2e-05, now 0.0001"]
