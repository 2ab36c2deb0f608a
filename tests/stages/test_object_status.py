"""What becomes of an object that lacks frames or pixels."""

import numpy as np
import pytest

from survey_batch.core.errors import NotFoundError, ObjectError, TransientError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.stages.object_status import MissingFrame, status_of

GONE, BROKEN, AWAY = NotFoundError("no such file"), UnreadableError("cut short"), TransientError("no answer")


def lack(band, error, field=11):
    return MissingFrame((301, 94, 1, field), band, error, f"field {field}")


def judged(errors=(), beyond=(), coverage=(1.0, 1.0), on_frame=True):
    return status_of("gr", errors, beyond, np.array(coverage), on_frame)


def test_nothing_missing_is_ok_and_has_no_reason():
    assert judged() == (Status.OK, "")


def test_pixels_beyond_the_frame_are_told_by_their_share():
    assert judged(coverage=(1.0, 0.625)) == (Status.PARTIAL, "r: 62.5% of the pixels are on the frame")


def test_a_missing_band_leaves_the_others_and_its_pixels_are_not_missed_twice():
    assert judged([lack("r", GONE)], coverage=(1.0, 0.0)) == (Status.PARTIAL, "r: no such file")


@pytest.mark.parametrize(("errors", "status"), [((GONE, GONE), Status.NOT_FOUND), ((GONE, BROKEN), Status.UNREADABLE)])
def test_without_any_band_the_worst_reason_is_the_status(errors, status):
    found, said = judged([lack(band, error) for band, error in zip("gr", errors, strict=True)], coverage=(0, 0))
    assert found == status
    assert said == f"g: {errors[0]}; r: {errors[1]}"


@pytest.mark.parametrize(("error", "status"), [(AWAY, Status.UNREACHABLE), (ObjectError("a defect"), Status.FAILED)])
def test_what_another_run_may_get_is_not_decided_now(error, status):
    for missing in ({"errors": [lack("g", error)]}, {"beyond": [lack("g", error, 12)]}):
        assert judged(**missing, on_frame=False) == (status, f"g: {error}")


def test_a_position_off_the_frame_is_outside_whatever_else_is_missing():
    status, said = judged([lack("g", GONE)], coverage=(0, 0), on_frame=False)
    assert status == Status.OUTSIDE
    assert said.startswith("the position is not on the frame")


def test_fields_beyond_the_edge_are_named_once_each():
    beyond = [lack("g", GONE, 12), lack("r", GONE, 12), lack("r", BROKEN, 10), lack("g", GONE, 10)]
    assert judged(beyond=beyond) == (
        Status.PARTIAL,
        "neighbouring field 10 (r, g): cut short; the archive has no field 12 beyond the edge",
    )
