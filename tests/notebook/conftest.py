"""Small outputs for the tests of this folder."""

import pytest

from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_sdss
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

OBJECTS = 20


@pytest.fixture(scope="package")
def cluster():
    with connect(ClusterSection(workers=1, memory="2 GB")) as connection:
        yield connection.client


@pytest.fixture(scope="package")
def spectra_output(cluster, tmp_path_factory):
    """An output with spectra and features of 20 objects, labelled and split."""
    keys = make_archive(tmp_path_factory.mktemp("archive"), OBJECTS)
    job = lamost_job(
        {**keys, "catalog": {"path": keys["catalog"]["path"], "label": "spectral_type", "split": {}}},
        tmp_path_factory.mktemp("spectra") / "out",
    )
    assert run(job, client=cluster).complete
    return job.output


@pytest.fixture(scope="package")
def image_output(cluster, tmp_path_factory):
    """An output with frames, cutouts and composites of 40 simulated objects."""
    root, output = tmp_path_factory.mktemp("archive"), tmp_path_factory.mktemp("images") / "out"
    simulate_sdss(root, fields=1, objects=40, seed=5, bands="gri")
    keys = {
        "name": "images",
        "output": str(output),
        "stages": ["frames", "cutouts", "composites"],
        "catalog": {"path": str(root / "sources.csv"), "label": "class"},
        "archive": {"survey": "sdss", "root": str(root)},
        "frames": {"bands": "gri", "keep": True},
        "cutouts": {"size": 32, "ivar": True},
        "shards": {"objects": 16},
    }
    assert run(Job.model_validate(keys), client=cluster).complete
    return str(output)
