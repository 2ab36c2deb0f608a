"""Where files come from: folders, servers and buckets."""

import time
from email.utils import formatdate

import pytest

from survey_batch.archive.sources import retry_after


def test_retry_after_is_read_in_both_forms():
    assert retry_after("17") == 17
    assert retry_after(formatdate(time.time() + 60, usegmt=True)) == pytest.approx(60, abs=5)
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert retry_after(None) is None
