"""A model that was trained elsewhere, from its file to the export: every row as computed by hand, and refusals."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.special import softmax

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.execution.runner import run
from survey_batch.results.export import export_catalog
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.models.onnx_models import linear

pytestmark = pytest.mark.slow

OBJECTS = 20
STEPS = ("mask", "normalise:median", "nan:zero", "channels:first")


@pytest.fixture(scope="module")
def done(tmp_path_factory, cluster):
    """The job, its products made, and the weights of the adopted network."""
    folder = tmp_path_factory.mktemp("adopted")
    archive = make_archive(folder / "archive", OBJECTS)
    keys = {"predictions": {"classifier": str(folder / "model"), "batch": 16}}
    run(lamost_job(archive, folder / "out", ("spectra",)), client=cluster)
    job = lamost_job(archive, folder / "out", ("spectra", "predictions"), **keys)
    pixels = sb.open_product(job, "spectra").sizes["wavelength"]
    weights = np.random.default_rng(1).normal(scale=0.05, size=(pixels, 3)).astype("f4")
    net = linear(folder / "net.onnx", weights, shape=(1, pixels))
    sb.adopt(net, job, "spectra", "classes:A,F,G", preprocess=STEPS, logits=True)
    assert run(job, client=cluster).counts == {"ok": OBJECTS}
    return job, weights


def test_a_run_answers_as_by_hand_and_a_notebook_bit_for_bit(done):
    job, weights = done
    spectra = sb.open_product(job, "spectra")
    good = (spectra.mask.values == 0) & (spectra.ivar.values > 0)
    flux = np.where(good, spectra.flux.values, np.nan)
    expected = softmax(np.nan_to_num(flux / np.nanmedian(flux, axis=1, keepdims=True)) @ weights, axis=1)
    stored = sb.open_product(job, "predictions").probability.values
    np.testing.assert_allclose(stored, expected, atol=1e-6)
    lazy = sb.predict(spectra, job.predictions.classifier, batch=16).probability.values
    np.testing.assert_array_equal(lazy, stored)


def test_the_export_has_its_classes(done, tmp_path):
    job, _ = done
    export_catalog(job, str(tmp_path / "c.parquet"))
    table = pq.read_table(tmp_path / "c.parquet")
    assert set(table["sb_predicted_class"].to_pylist()) <= {"A", "F", "G"}
    assert "sb_probability_G" in table.column_names


def test_another_grid_and_other_weights_are_refused(done, tmp_path):
    job, weights = done
    other = {"spectra": job.spectra.model_copy(update={"wavelength_max": 8000.0}), "output": str(tmp_path / "other")}
    with pytest.raises(PlanMismatchError, match="wavelengths"):
        run(job.model_copy(update=other))
    folder = tmp_path / "copy"
    sb.adopt(
        linear(tmp_path / "net.onnx", weights, softmax=True),
        job,
        "spectra",
        "classes:A,F,G",
        folder,
        preprocess=STEPS[:3],
    )
    linear(folder / "network.onnx", -weights, softmax=True)
    predictions = job.predictions.model_copy(update={"classifier": str(folder)})
    with pytest.raises(ConfigurationError, match="is not the file that was saved"):
        run(job.model_copy(update={"predictions": predictions, "output": str(tmp_path / "other")}))
