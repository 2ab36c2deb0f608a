"""The tables of a job's workers."""

import pytest

from survey_batch.cluster.tables import tables_of
from tests.jobs import lamost_job
from tests.lamost_files import make_archive


@pytest.fixture
def archive(tmp_path):
    return make_archive(tmp_path / "archive", 8)


def test_tables_are_those_that_a_run_would_ask_for_workers(archive, tmp_path):
    gpu = {"kind": "slurm", "gpu": {"gres": "gpu:1"}}
    predictions = {"classifier": "model"}
    for stages, names in ((("spectra",), ["cluster"]), (("spectra", "predictions"), ["cluster", "cluster.gpu"])):
        tables = tables_of(lamost_job(archive, tmp_path, stages, cluster=gpu, predictions=predictions))
        assert [table.name for table in tables] == names
        assert [table.section.wants_gpu for table in tables] == [name == "cluster.gpu" for name in names]
