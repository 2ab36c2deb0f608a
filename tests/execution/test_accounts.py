"""What a run says of itself at its end."""

import pytest

from survey_batch.execution.accounts import Summary


@pytest.mark.parametrize(
    ("counts", "complete"),
    [
        ({}, True),
        ({"ok": 3, "not_found": 1}, True),
        *(({"ok": 3, name: 1}, False) for name in ("pending", "failed", "unreachable")),
    ],
)
def test_a_run_is_complete_if_another_would_retry_nothing(counts, complete):
    assert Summary("out", counts).complete == complete


def test_parts_of_a_run_add_up_to_one():
    search = Summary("out", {"ok": 1}, {"detections": {"rows_done": 1}}, worked=True)
    rest = Summary("out", {"ok": 5}, {"cutouts": {"rows_done": 5}})
    both = rest.after(search)
    assert both.worked
    assert both.counts == {"ok": 5}
    assert list(both.stages) == ["detections", "cutouts"]
    assert repr(both) == "<Summary of out: 5 objects: 5 ok>"
