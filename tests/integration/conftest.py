"""A local cluster for the tests of one module."""

import pytest

from survey_batch.cluster import connect
from survey_batch.job import ClusterSection


@pytest.fixture(scope="module")
def cluster():
    with connect(ClusterSection(workers=2, memory="2 GB")) as connection:
        yield connection.client
