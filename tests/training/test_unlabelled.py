"""Training without labels, on a job's product."""

import json
from pathlib import Path

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.describe import describe
from survey_batch.models.loading import load_classifier
from survey_batch.training import unlabelled
from survey_batch.training.train import train
from survey_batch.training.unlabelled import _parts
from tests.models.conftest import labelled, make_block
from tests.training.test_train import ROWS, make_job, write_product

pytestmark = pytest.mark.slow

KEYS = {"kind": "spectrum-embedding", "variant": "autoencoder", "dimensions": 2, "epochs": 2, "batch": 16}


def make_embedding_job(folder, **keys):
    job = make_job(folder)
    whole = job.model_dump(mode="json", exclude={"cluster"})
    return type(job).model_validate({**whole, "train": {"classifier": str(folder / "model"), **KEYS, **keys}})


@pytest.fixture(scope="module")
def done(tmp_path_factory, wavelength):
    job = make_embedding_job(tmp_path_factory.mktemp("unlabelled"))
    split = np.full(ROWS, "")
    split[60:] = "test"
    write_product(job, wavelength, split)
    said = []
    scores = train(job, progress=said.append)
    assert said[-1] == f"the classifier is in {job.train.classifier}"
    return job, scores


def test_objects_without_split_or_label_are_trained_on_and_those_of_the_test_held_out(done):
    _, scores = done
    assert scores["training"]["objects"] == {"train": {"": 59}, "validation": {}, "test": {"": 12}}
    assert scores["reconstruction"]["objects"] == 12
    assert scores["reconstruction"]["embedding"] < scores["reconstruction"]["mean_spectrum"]


def test_the_folder_holds_the_model_and_its_scores(done):
    job, scores = done
    folder = Path(job.train.classifier)
    manifest = load_classifier(folder).manifest
    assert (manifest.outputs, manifest.dimensions, manifest.classes) == ("embedding", 2, ())
    assert manifest.training["reconstruction"] == scores["reconstruction"]
    assert {"network.keras", "decoder.keras", "metrics.json", "training-curve.png"} <= set(manifest.files)
    assert json.loads((folder / "metrics.json").read_text())["dimensions"] == 2
    words = describe(scores)
    assert "dimensions: 2" in words
    assert "as many principal components" in words


def test_labels_decide_nothing_and_a_seventh_is_held_out_where_no_split_says_whom(wavelength):
    label = np.tile(np.array(["A", "F", "G", "M"]), 14)
    data = labelled(make_block(label, 1), label, wavelength=wavelength)
    section = make_embedding_job(Path("/"), patience=1).train
    parts = _parts(data, section)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [41, 7, 8]
    assert not set(parts["train"].star) & set(parts["test"].star)
    other = labelled(make_block(label, 1), label[::-1], wavelength=wavelength)
    for name, part in _parts(other, section).items():
        assert part.fingerprint() == parts[name].fingerprint()


def test_too_few_objects_for_the_dimensions_are_refused(tmp_path, wavelength, monkeypatch):
    monkeypatch.setattr(unlabelled, "OBJECTS_OF_A_DIMENSION", 40)
    job = make_embedding_job(tmp_path)
    write_product(job, wavelength, np.full(ROWS, ""))
    with pytest.raises(ConfigurationError, match="train.dimensions = 2 takes 80 at least: lower it"):
        train(job)
