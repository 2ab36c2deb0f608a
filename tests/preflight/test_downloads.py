"""How long the downloads of a job take."""

import pytest

from survey_batch.preflight.downloads import BYTES_PER_SECOND, REQUEST_SECONDS, download_seconds
from tests.jobs import archive_section


def lamost(connections=8, pause=0.0, root="https://example.org"):
    return archive_section(survey="lamost", root=root, connections=connections, pause=pause)


def test_three_million_small_files_over_http_are_more_than_a_day():
    files = 3_000_000
    assert download_seconds(lamost(), files, files * 74_000, 64) == pytest.approx(files * REQUEST_SECONDS / 8)
    assert download_seconds(lamost(), files, files * 74_000, 64) > 24 * 3600
    assert download_seconds(lamost(pause=0.3), files, files * 74_000, 64) == pytest.approx(files * 0.6 / 8)


def test_downloading_takes_no_less_than_the_line_needs_and_no_more_connections_than_are_used():
    assert download_seconds(lamost(), 10, 10**11, 64) == pytest.approx(10**11 / BYTES_PER_SECOND)
    assert download_seconds(lamost(), 100, 0, at_once=2) == pytest.approx(100 * REQUEST_SECONDS / 2)
    assert download_seconds(lamost(root="/archive"), 10**6, 10**12, 8) == 0
