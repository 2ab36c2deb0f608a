from contextlib import nullcontext

import pytest

from survey_batch.cli.run import before_predictions
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
    monkeypatch.setattr(devices, "visible_gpus", lambda _: seen)
    monkeypatch.setattr(devices, "backend", lambda: "tensorflow")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    job = lamost_job(ARCHIVE, tmp_path, ("spectra",), cluster={"kind": "slurm", "workers": 1, "gpu": gpu})
    if not refused:
        devices.prepare_gpu(job.cluster)
        return
    with pytest.raises(ConfigurationError, match=r"sees no GPU: Keras runs on tensorflow, CUDA_VISIBLE_DEVICES is 3, "):
        devices.prepare_gpu(job.cluster)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ConfigurationError, match=r"CUDA_VISIBLE_DEVICES is empty, which hides every GPU, SLURM job"):
        devices.prepare_gpu(job.cluster)


@pytest.mark.parametrize(
    ("chosen", "installed", "refused"),
    [
        (None, "tensorflow", None),
        (None, "torch", "tensorflow is not installed in .*, or set KERAS_BACKEND=torch, which is installed"),
        (None, "", r"tensorflow is not installed in the environment of .*survey-batch\[tensorflow\]'$"),
        ("jax", "jax", None),
        ("jax", "tensorflow", "Keras has nothing to run on: jax is not installed"),
    ],
)
def test_an_environment_without_a_backend_of_keras_is_refused_before_any_work(
    tmp_path, monkeypatch, chosen, installed, refused
):
    monkeypatch.setattr(devices, "find_spec", lambda name: name == installed)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    if chosen:
        monkeypatch.setenv("KERAS_BACKEND", chosen)
    named = {"classifier": str(tmp_path / "model")}
    tables = {"train": {**named, "kind": "spectral-type", "variant": "lines"}, "predictions": named}
    job = lamost_job(ARCHIVE, tmp_path, ("spectra", "predictions"), **tables)
    with pytest.raises(ConfigurationError, match=refused) if refused else nullcontext():
        before_predictions(job)


def test_the_file_of_keras_names_the_backend_where_the_environment_does_not(tmp_path, monkeypatch):
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    monkeypatch.setattr(devices, "find_spec", lambda name: name == "jax")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    devices.check_backend()
