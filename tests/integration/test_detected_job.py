"""A list of fields becomes objects and cutouts; what cannot be reached is tried again before objects are listed."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr

from survey_batch.config.job import Job
from survey_batch.core.errors import PlanMismatchError
from survey_batch.execution.runner import run
from survey_batch.planning.plan import make_plan
from survey_batch.report import write_report
from survey_batch.report.summary import summarize
from survey_batch.results.export import export_catalog
from survey_batch.simulate import simulate_sdss
from survey_batch.surveys.sdss.files import FieldKey, frame_path
from tests.servers import BUSY, http_server

pytestmark = pytest.mark.slow

FIELDS = (100, 102)
"""Every other one: adjacent fields share stars."""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detected")
    simulate_sdss(folder, fields=3, objects=900, seed=3, bands="r")
    (folder / "fields.csv").write_text("run,camcol,field\n" + "".join(f"9001,3,{field}\n" for field in FIELDS))
    return folder


def job_of(root, output, *, archive=None, detect=None):
    catalog = {
        "path": str(root / "fields.csv"),
        "detect": detect or {"threshold": 50, "rule": {}},
        "split": {"group": "field", "train": 0.5, "test": 0.5},
    }
    return Job.model_validate(
        {
            "name": "test",
            "output": str(output),
            "stages": ["cutouts"],
            "catalog": catalog,
            "archive": {"survey": "sdss", "root": str(archive or root), "attempts": 1},
            "frames": {"bands": "r", "keep": False},
            "cutouts": {"size": 25},
            "shards": {"objects": 64},
        }
    )


@pytest.fixture(scope="module")
def ran(root, cluster, tmp_path_factory):
    """A job that searched and cut."""
    job = job_of(root, tmp_path_factory.mktemp("out"))
    return job, run(job, client=cluster)


def test_every_detection_becomes_an_object_with_a_final_status(ran):
    job, summary = ran
    fields = xr.open_zarr(f"{job.output}/detections.zarr").load()
    found = pq.read_table(f"{job.output}/detections.parquet")
    assert found.num_rows == int(fields["count"].sum()) == sum(summary.counts.values()) > 50
    assert set(found["label"].to_pylist()) == {"good", "other"}
    assert summary.complete
    assert list(summary.stages) == ["detections", "cutouts"]


def test_each_cutout_has_its_source_in_the_middle(ran):
    job, _ = ran
    cutouts = xr.open_zarr(f"{job.output}/cutouts.zarr").load()
    bright = cutouts["label"].to_numpy() == "good"
    flux = cutouts["flux"].to_numpy()[bright, 0]
    middle, around = flux[:, 11:14, 11:14], flux[:, 8:17, 8:17]
    np.testing.assert_array_equal(middle.max(axis=(1, 2)), around.max(axis=(1, 2)))


def test_ids_name_the_field_and_the_order_of_brightness(ran):
    job, _ = ran
    found = pq.read_table(f"{job.output}/detections.parquet").to_pandas()
    first = found[found["field"] == FIELDS[0]]
    assert first["object_id"].tolist() == [f"009001-3-0100-{number:04d}" for number in range(len(first))]
    assert first["flux"].is_monotonic_decreasing


def test_the_same_command_has_nothing_left_to_do(ran, cluster):
    job, before = ran
    again = run(job, client=cluster)
    assert not again.worked
    assert again.counts == before.counts


def test_status_report_export_and_plan_know_the_detected_objects(ran):
    job, summary = ran
    status = summarize(job.output)
    assert (status.stages[0].name, status.stages[0].axis) == ("detections", "frame")
    assert status.complete
    assert status.objects == sum(summary.counts.values()) == make_plan(job).size("object")
    path, rows = export_catalog(job)
    assert rows == status.objects
    assert {"x", "y", "label", "sb_status"} <= set(pq.read_table(path).column_names)
    assert "detections" in Path(write_report(job.output)).read_text(encoding="utf-8")


def test_a_changed_search_is_refused(ran, root, cluster):
    job, _ = ran
    with pytest.raises(PlanMismatchError, match="threshold"):
        run(job_of(root, job.output, detect={"threshold": 60, "rule": {}}), client=cluster)


def test_objects_are_listed_when_every_field_was_searched_and_not_before(root, cluster, tmp_path):
    path = "/" + frame_path(FieldKey(301, 9001, 3, FIELDS[1]), "r")
    with http_server(root, {path: [BUSY]}) as server:
        job = job_of(root, tmp_path, archive=server.url)
        first = run(job, client=cluster)
        assert (first.counts, first.complete) == ({"ok": 1, "unreachable": 1}, False)
        assert not (tmp_path / "detections.parquet").exists()
        assert summarize(str(tmp_path)).complete is False
        second = run(job, client=cluster)
        assert second.complete
        assert second.stages["detections"]["rows_done"] == 1, "only the field that was left"
    assert set(pq.read_table(tmp_path / "detections.parquet")["field"].to_pylist()) == set(FIELDS)


def test_a_field_that_the_archive_does_not_have_is_said_and_the_others_are_used(root, cluster, tmp_path):
    listed = tmp_path / "fields.csv"
    listed.write_text("run,camcol,field\n9001,3,100\n9001,3,999\n")
    base = job_of(root, tmp_path / "out")
    job = base.model_copy(update={"catalog": base.catalog.model_copy(update={"path": str(listed)})})
    summary = run(job, client=cluster)
    assert summary.stages["detections"]["counts"] == {"ok": 1, "not_found": 1}
    assert summary.complete
    problems = pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    assert ("frame 301/9001/3/0999", "detections") in {(row["object_id"], row["stage"]) for row in problems}
