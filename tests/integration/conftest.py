"""A local cluster for the tests of this folder."""

import pytest

from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection


@pytest.fixture(scope="package")
def cluster():
    with connect(ClusterSection(workers=2, memory="2 GB")) as connection:
        yield connection.client
