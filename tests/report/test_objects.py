from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.core.status import Status
from survey_batch.report.objects import label_classes, read_objects, sample_blocks, spread
from survey_batch.report.summary import summarize
from survey_batch.store.products import open_group
from tests.report.outputs import CLASSES, make_predictions, make_spectra, spectra_job


@given(st.integers(1, 10_000), st.integers(1, 500), st.integers(1, 3000))
def test_sample_is_whole_shards_in_order_and_bounded(total, shard_rows, limit):
    blocks = sample_blocks(total, shard_rows, limit)
    assert sum(block.stop - block.start for block in blocks) <= limit
    assert all(block.start % shard_rows == 0 and 0 <= block.start < block.stop <= total for block in blocks)
    assert all(a.stop <= b.start for a, b in pairwise(blocks))


@given(st.integers(1, 3000), st.integers(1, 500))
def test_a_product_below_the_limit_is_read_whole(total, shard_rows):
    blocks = sample_blocks(total, shard_rows, limit=max(total, 3500))
    assert np.concatenate([np.arange(b.start, b.stop) for b in blocks]).tolist() == list(range(total))


@given(st.lists(st.integers(0, 100)), st.integers(1, 10))
def test_spread_takes_as_many_as_there_are_and_both_ends(places, count):
    chosen = spread(places, count).tolist()
    assert len(chosen) == min(len(places), count)
    assert set(chosen) <= set(places)
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (places[0], places[-1])


def test_a_column_of_many_values_is_no_class():
    assert label_classes(np.array([f"n{i}" for i in range(100)], dtype=object)) == ()
    assert label_classes(np.array(["K", "", "A", "K"], dtype=object)) == ("A", "K")


def test_rows_that_no_stage_has_come_to_are_left_out(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, objects=24, shards=2)
    objects = read_objects(summarize(job.output))
    assert objects is not None
    assert len(objects) == 16
    assert objects.total == 24
    assert "16 of 24" in objects.sampled


def test_status_is_the_worst_of_all_products_and_usable_is_what_the_first_holds(tmp_path):
    job = spectra_job(tmp_path)
    status = np.full(24, Status.OK, np.uint8)
    status[5] = Status.NOT_FOUND
    make_spectra(job, status=status)
    make_predictions(job)
    objects = read_objects(summarize(job.output))
    assert objects is not None
    assert objects.status[4:6].tolist() == ["ok", "not_found"]
    assert objects.usable.sum() == 23
    assert objects.classes == CLASSES
    assert objects.predicted[4] == "M"  # labelled G


def test_answers_that_are_no_classes_leave_the_labels_as_groups(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job)
    make_predictions(job)
    group = open_group(job.output, "predictions")
    del group["probability"], group["predicted_class"], group["confidence"], group["class"]
    objects = read_objects(summarize(job.output))
    assert objects is not None
    assert objects.probability is None
    assert objects.group_title == "label"


def test_nothing_is_read_before_there_is_anything(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, shards=0)
    assert read_objects(summarize(job.output)) is None
