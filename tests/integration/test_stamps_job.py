"""From simulated exposures to predictions, without and with labels."""

import numpy as np
import pytest

from survey_batch.execution.runner import run
from survey_batch.lazy.products import open_product
from survey_batch.models.loading import load_classifier
from survey_batch.training.train import train
from tests.stamp_files import small_archive, stamps_job

pytestmark = pytest.mark.bits

SPLIT = {"split": {"train": 0.5, "validation": 0.2, "test": 0.3}}


@pytest.mark.parametrize("labelled", [pytest.param(0.0, marks=pytest.mark.slow), 1.0])
def test_stars_are_classified_with_and_without_labels(tmp_path, cluster, labelled):
    catalog = small_archive(tmp_path, objects=100, labelled=labelled, offset=0.1, flux_scatter=0.5)
    tables = {
        "catalog": {"path": str(catalog)} | (SPLIT if labelled else {}),
        "train": {
            "kind": "stamp-type",
            "classifier": str(tmp_path / "model"),
            "psf_model": str(catalog.parent / "exposure-0001-psf-model.npz"),
            "seds": str(tmp_path / "seds" / "vis_seds_13.npy"),
        },
        "predictions": {"classifier": str(tmp_path / "model")},
    }
    first = stamps_job(catalog, catalog.parent, tmp_path / "out", **tables)
    assert run(first, client=cluster).counts == {"ok": 100}
    scores = train(first)
    assert ("test" in scores) == bool(labelled)
    whole = stamps_job(catalog, catalog.parent, tmp_path / "out", **tables, stages=["stamps", "predictions"])
    assert run(whole, client=cluster).counts == {"ok": 100}
    predictions = open_product(whole, "predictions")
    stamps = open_product(whole, "stamps")
    block = {name: stamps[name].to_numpy() for name in load_classifier(tmp_path / "model").recipe.variables}
    alone = load_classifier(tmp_path / "model").predict_proba(block)
    np.testing.assert_array_equal(predictions["probability"].to_numpy(), alone)
    if labelled:
        assert np.mean(predictions["predicted_class"].to_numpy() == predictions["label"].to_numpy()) > 0.5
