"""The list of objects that were found on frames."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from survey_batch.config.job import CatalogSection
from survey_batch.core.status import Status
from survey_batch.execution import detections
from survey_batch.execution.detections import write_detections
from survey_batch.stages import make_stage
from survey_batch.stages.detections import LABELS, MEASURED
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import Shard
from tests.jobs import sdss_job

FIELDS = [(301, 94, 1, 11), (301, 94, 1, 12), (301, 94, 2, 11)]


def make(output, counts, statuses, **detect):
    """Write the product of fields with so many sources each; a source's flux is 100 less its place."""
    job = sdss_job("unused", "/archive", output, stages=["cutouts"])
    job = job.model_copy(update={"catalog": CatalogSection.model_validate({"path": "f.csv", "detect": detect})})
    stage = make_stage(job, "detections")
    create_product(job.output, stage.schema(len(counts)), {"provenance": {}})
    for place, (count, status) in enumerate(zip(counts, statuses, strict=True)):
        block = stage.empty_block(1)
        for name in MEASURED:
            block.data[name][0, :count] = np.arange(count)
        block.data["flux"][0, :count], block.data["error"][0, :count] = 100 - np.arange(count), 2.0
        block.data["count"][0] = count
        if "label" in block.data:
            block.data["label"][0, :count] = np.arange(count) % len(LABELS)
        key = {name: np.array([value]) for name, value in zip(job.survey.field, FIELDS[place], strict=True)}
        shard = Shard("frame", place, place, place + 1)
        write_shard(job.output, "detections", shard, {**block.data, **key}, np.array([status], np.uint8))
    return job


def read(job):
    return pq.read_table(f"{job.output}/detections.parquet")


def test_each_source_of_a_usable_field_is_an_object_named_by_field_and_rank(tmp_path):
    job = make(tmp_path, [2, 3, 1], [Status.OK, Status.NOT_FOUND, Status.PARTIAL])
    assert write_detections(job) == 3
    table = read(job)
    assert table["object_id"].to_pylist() == ["000094-1-0011-0000", "000094-1-0011-0001", "000094-2-0011-0000"]
    assert table["camcol"].to_pylist() == [1, 1, 2]
    assert table["snr"].to_pylist() == [50, 49.5, 50]
    assert set(MEASURED) <= set(table.column_names)


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_the_number_of_fields_read_at_a_time_changes_nothing(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(detections, "FIELDS_AT_ONCE", at_once)
    job = make(tmp_path, [2, 0, 1], [Status.OK] * 3)
    assert write_detections(job) == 3
    assert read(job)["field"].to_pylist() == [11, 11, 11]


def test_labels_are_words_and_none_where_nothing_was_judged(tmp_path):
    judged = make(tmp_path / "a", [3], [Status.OK], rule={})
    write_detections(judged)
    assert read(judged)["label"].to_pylist() == list(LABELS)
    plain = make(tmp_path / "b", [2], [Status.OK])
    write_detections(plain)
    assert set(read(plain)["label"].to_pylist()) == {LABELS[0]} == {""}


def test_frames_without_any_source_make_an_empty_list(tmp_path):
    job = make(tmp_path, [0], [Status.OK])
    assert write_detections(job) == 0
    assert read(job).num_rows == 0
