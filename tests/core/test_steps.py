"""What the program says that it does goes through Python's own logging."""

import logging

from survey_batch.core import steps


def test_a_step_is_told_and_a_detail_in_a_lower_voice(caplog):
    with caplog.at_level(logging.DEBUG, steps.log.name):
        steps.step("reading 100 % of é")
        steps.detail("half")
    assert [(record.levelname, record.getMessage(), record.event) for record in caplog.records] == [
        ("INFO", "reading 100 % of é", "step"),
        ("DEBUG", "half", "detail"),
    ]
