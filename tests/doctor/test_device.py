from types import SimpleNamespace

import pytest

from survey_batch.cluster.tables import Table
from survey_batch.config.job import ClusterSection
from survey_batch.core.findings import Site, State
from survey_batch.doctor.device import device_works, judge_device, needed_framework
from tests.doctor.folders import write_classifier
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

TRIED = {
    "backend": "tensorflow",
    "gpus": [],
    "import_seconds": 9.0,
    "refusal": "",
    "visible": "0",
    "seconds": 0.002,
    "error": "",
}


@pytest.mark.parametrize(
    ("gres", "changes", "state", "said"),
    [
        (None, {}, State.OK, "sees no GPU; a product of 1024 x 1024 matrices in 2.0 ms"),
        ("gpu:1", {"gpus": ["/gpu:0"]}, State.OK, "sees 1 GPU (/gpu:0); CUDA_VISIBLE_DEVICES is 0"),
        ("gpu:1", {}, State.OK, "predicting without a GPU is allowed"),
        ("gpu:1", {"refusal": "a worker sees no GPU. Install it"}, State.FAILED, "a worker sees no GPU"),
        ("gpu:2", {"gpus": ["a", "b"]}, State.WARNING, "sees 2 GPU (a, b)"),
        ("gpu:1", {"gpus": ["a"], "error": "InternalError: no kernel image"}, State.FAILED, "no kernel image"),
    ],
)
def test_a_device_is_judged_by_what_was_tried_on_it(gres, changes, state, said):
    table = Table("cluster.gpu", ClusterSection(kind="slurm", gres=gres), "predictions", predicts=True)
    finding = judge_device(Site("there"), table, {**TRIED, **changes})
    assert finding.state == state, finding
    assert said in finding.found
    assert bool(finding.advice) == (state != State.OK)


def test_only_a_classifier_with_a_network_needs_a_framework(tmp_path):
    predictions = {"classifier": str(tmp_path / "model")}
    archive = make_archive(tmp_path / "archive", 4)
    job = lamost_job(archive, tmp_path / "out", ("spectra", "predictions"), predictions=predictions)
    assert needed_framework(job) == "keras", "one that is not there yet may have one"
    write_classifier(tmp_path / "model", job)
    assert needed_framework(job) == "keras"
    manifest = tmp_path / "model" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("network.keras", "forest.skops"))
    (tmp_path / "model" / "network.keras").rename(tmp_path / "model" / "forest.skops")
    assert needed_framework(job) is None
    manifest.write_text(manifest.read_text().replace("forest.skops", "network.onnx"))
    (tmp_path / "model" / "forest.skops").rename(tmp_path / "model" / "network.onnx")
    assert needed_framework(job) == "onnxruntime"


def test_the_engine_is_looked_for_on_the_worker(tmp_path, monkeypatch):
    monkeypatch.setattr("survey_batch.doctor.device.try_framework", lambda *_: TRIED)
    monkeypatch.setattr("survey_batch.models.engines.installed.find_spec", {"onnx": 1, "openvino": 1}.get)
    worker = SimpleNamespace(ask=lambda function, *given: function(*given))
    table = Table("cluster", ClusterSection(), "predictions", predicts=True)

    def findings(engine):
        predictions = {"classifier": "models/x", "engine": engine}
        archive = {"catalog": {"path": "c.csv"}, "archive": {"survey": "lamost", "root": "spectra"}}
        job = lamost_job(archive, tmp_path, stages=("spectra", "predictions"), predictions=predictions)
        yield from device_works(Site("there"), job, table, worker, "keras")

    assert len(list(findings("keras"))) == 1
    _, there = findings("openvino")
    assert (there.check, there.state) == ("engine", State.OK)
    _, lacking = findings("onnxruntime")
    assert (lacking.check, lacking.state) == ("engine", State.FAILED)
    assert "pip install 'survey-batch[onnx]'" in lacking.found
