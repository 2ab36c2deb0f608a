import numpy as np
import pytest

from survey_batch.core import errors
from survey_batch.core import status as module
from survey_batch.core.status import Status, count_statuses, final_status, flag_attributes, unfinished, usable


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_counts_name_each_status_that_occurs(monkeypatch, at_once):
    monkeypatch.setattr(module, "COUNTED_ROWS", at_once)
    assert count_statuses(np.array([[1, 1], [3, 0]], np.uint8)) == {"pending": 1, "ok": 2, "not_found": 1}


def test_a_new_run_works_on_pending_unreachable_and_failed():
    everything = np.arange(len(Status), dtype=np.uint8)
    assert [Status(s).name for s in everything[unfinished(everything)]] == ["PENDING", "UNREACHABLE", "FAILED"]
    assert [Status(s).name for s in everything[usable(everything)]] == ["OK", "PARTIAL"]


def test_flags_tell_a_reader_every_status():
    attributes = flag_attributes()
    assert len(attributes["flag_meanings"].split()) == len(attributes["flag_values"]) == len(Status)


def test_every_error_has_the_base_and_those_of_objects_a_status():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert all(issubclass(kind, errors.SurveyBatchError) for kind in kinds)
    assert errors.NotFoundError.status is Status.NOT_FOUND
    assert errors.TransientError.status is Status.UNREACHABLE


def test_an_object_s_final_status_is_the_worst_and_pending_while_any_is():
    one = np.array([Status.OK, Status.OK, Status.FAILED, Status.PARTIAL, Status.PENDING], np.uint8)
    other = np.array([Status.OK, Status.PARTIAL, Status.OK, Status.PENDING, Status.FAILED], np.uint8)
    assert final_status([one, other]).tolist() == [1, 2, 8, 0, 0]
