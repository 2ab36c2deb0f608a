import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import devices
from tests.jobs import lamost_job

ARCHIVE = {"catalog": {"path": "c.csv"}, "archive": {"survey": "lamost", "root": "spectra"}}


@pytest.mark.parametrize(
    ("gpu", "seen", "refused"),
    [
        ({"gres": "gpu:1"}, (), True),
        ({"gres": "gpu:1"}, ("GPU:0",), False),
        ({"gres": "gpu:1", "allow_cpu": True}, (), False),
        ({"partition": "fast"}, (), True),
        (None, (), False),
    ],
    ids=["asked for and missing", "there", "may do without", "asked for by the table alone", "no table"],
)
def test_a_worker_that_should_have_a_gpu_and_has_none_says_what_it_saw(tmp_path, monkeypatch, gpu, seen, refused):
    monkeypatch.setattr(devices, "visible_gpus", lambda: seen)
    monkeypatch.setattr(devices, "backend", lambda: "tensorflow")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    job = lamost_job(ARCHIVE, tmp_path, ("spectra",), cluster={"kind": "slurm", "workers": 1, "gpu": gpu})
    if not refused:
        devices.prepare_gpu(job.cluster)
        return
    with pytest.raises(ConfigurationError, match=r"sees no GPU: Keras runs on tensorflow, CUDA_VISIBLE_DEVICES is '0'"):
        devices.prepare_gpu(job.cluster)
