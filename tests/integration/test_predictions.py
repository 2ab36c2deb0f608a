"""From simulated spectra to predictions: train, predict, refuse what was made otherwise."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from dask.utils import key_split
from distributed import WorkerPlugin

import survey_batch as sb
from survey_batch.cluster import connect
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.results.export import export_catalog
from survey_batch.simulate import simulate_lamost
from survey_batch.store.products import open_group
from survey_batch.training.evaluation import evaluate
from survey_batch.training.train import train
from tests.jobs import lamost_job

pytestmark = pytest.mark.slow

OBJECTS = 60
SPLIT = {"train": 0.6, "validation": 0.2, "test": 0.2}
"""Objects are held out for the temperature: else five more networks are trained for it."""


@pytest.fixture(scope="module")
def make_job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predictions")
    simulate_lamost(folder / "archive", objects=OBJECTS, seed=4)

    def make(output="out", **tables):
        model = str(folder / "model")
        tables.setdefault("stages", ("spectra", "predictions"))
        return lamost_job(
            {
                "catalog": {"path": str(folder / "archive" / "catalog.csv"), "label": "spectral_type", "split": SPLIT},
                "archive": {"survey": "lamost", "root": str(folder / "archive")},
            },
            folder / output,
            **{
                "train": {"classifier": model, "variant": "forest", "trees": 20},
                "predictions": {"classifier": model, "batch": 32},
                "shards": {"objects": 16},
                **tables,
            },
        )

    return make


@pytest.fixture(scope="module")
def predicted(make_job, cluster):
    run(make_job(stages=("spectra",)), client=cluster)
    train(make_job())
    assert run(make_job(), client=cluster).counts == {"ok": OBJECTS}
    return xr.open_zarr(f"{make_job().output}/predictions.zarr").load()


def test_every_object_has_probabilities_and_its_most_probable_class(predicted):
    assert predicted.probability.dims == ("object", "class")
    np.testing.assert_allclose(predicted.probability.sum("class"), 1, atol=1e-5)
    best = predicted["class"].values[predicted.probability.argmax("class").values]
    assert (predicted.predicted_class.values == best).all()
    np.testing.assert_array_equal(predicted.confidence, predicted.probability.max("class"))


def test_the_client_that_predicts_elsewhere_needs_no_framework(make_job, predicted):
    from survey_batch.stages import make_stage

    assert make_stage(make_job(), "predictions").sizes() == {"class": predicted.sizes["class"]}


def test_other_shards_give_the_same_predictions_to_rounding(make_job, cluster, predicted):
    other = make_job("other").model_copy(update={"shards": make_job().shards.model_copy(update={"objects": 60})})
    run(other, client=cluster)
    again = xr.open_zarr(f"{other.output}/predictions.zarr").load()
    assert again.object_id.values.tolist() == predicted.object_id.values.tolist()
    np.testing.assert_allclose(again.probability, predicted.probability, rtol=0, atol=1e-6)


def test_spectra_on_another_grid_are_refused(make_job, cluster, predicted):
    job = make_job("grid", spectra={"wavelength_max": 8000.0})
    with pytest.raises(
        PlanMismatchError, match=r"are not those the classifier takes .* set wavelength_min = .* and step = 0.0001 in"
    ):
        run(job, client=cluster)


def test_a_missing_classifier_is_named(make_job, cluster):
    job = make_job("missing").model_copy(
        update={"predictions": make_job().predictions.model_copy(update={"classifier": "models/none"})}
    )
    with pytest.raises(ConfigurationError, match="no trained classifier in models/none"):
        run(job, client=cluster)


@pytest.fixture(scope="module")
def from_features(make_job, cluster):
    """A job whose classifier is a network that was trained on features, and its predictions."""
    model = str(Path(make_job().output).parent / "table")
    tables = {
        "train": {"classifier": model, "kind": "table", "epochs": 10, "members": 1, "features": ["h_*", "block_*"]},
        "predictions": {"classifier": model, "batch": 32},
        "spectral_features": {"blocks": 8, "components": 0},
    }
    run(make_job("measured", stages=("spectra", "features"), **tables), client=cluster)
    job = make_job("measured", stages=("spectra", "features", "predictions"), **tables)
    train(job)
    assert run(job, client=cluster).counts == {"ok": OBJECTS}
    return job, xr.open_zarr(f"{job.output}/predictions.zarr").load()


def test_a_classifier_of_features_predicts_from_features(from_features):
    job, found = from_features
    assert set(found["class"].values) <= {"A", "F", "G", "K", "M", "non-stellar"}
    np.testing.assert_allclose(found.probability.sum("class"), 1, atol=1e-5)
    assert evaluate(job)["test"]["classifier"]["objects"] > 0


@pytest.mark.bits
def test_rows_that_are_predicted_again_have_the_same_bits_whichever_they_are(from_features, cluster):
    job, found = from_features
    status = open_group(job.output, "predictions")["status"]
    for rows in ([5], [0, 7, 9, 30, 59], range(1, OBJECTS, 2)):
        marked = np.asarray(status[:])
        marked[list(rows)] = Status.PENDING
        status[:] = marked
        assert run(job, client=cluster).counts == {"ok": OBJECTS}
        again = xr.open_zarr(f"{job.output}/predictions.zarr").load()
        np.testing.assert_array_equal(again.probability, found.probability)


def test_features_that_are_not_kept_give_the_same_predictions(make_job, from_features, cluster):
    job, found = from_features
    features = job.spectral_features.model_copy(update={"keep": False})
    other = job.model_copy(update={"output": f"{job.output}-handed-on", "spectral_features": features})
    run(other, client=cluster)
    again = xr.open_zarr(f"{other.output}/predictions.zarr").load()
    np.testing.assert_array_equal(again.probability, found.probability)
    assert not Path(f"{other.output}/features.zarr").exists()


def test_features_of_another_recipe_are_refused_before_any_work(from_features, cluster):
    job, _ = from_features
    features = job.spectral_features.model_copy(update={"blocks": 9})
    other = job.model_copy(update={"output": f"{job.output}-other", "spectral_features": features})
    with pytest.raises(PlanMismatchError, match="the feature names of features are not those"):
        run(other, client=cluster)
    assert not Path(f"{other.output}/spectra.zarr").exists()


def test_lazy_features_of_another_recipe_are_refused_with_the_differences(from_features):
    job, found = from_features
    spectra, model = sb.open_product(job, "spectra"), job.predictions.classifier
    same = sb.features(spectra, blocks=8)
    again = sb.predict(same, model, batch=32).load()
    assert again.predicted_class.values.tolist() == found.predicted_class.values.tolist()
    other = sb.features(spectra, blocks=8, smoothing_window=31, normalization="minmax")
    with pytest.raises(PlanMismatchError, match=r"normalization is 'minmax' .*features.smoothing_window is 31"):
        sb.predict(other, model)
    assert sb.predict(other, model, unchecked=True).sizes == found.sizes


def test_scores_and_the_exported_catalogue_name_every_object(make_job, predicted, tmp_path):
    import pyarrow.parquet as pq

    assert evaluate(make_job())
    path, rows = export_catalog(make_job(), str(tmp_path / "out.parquet"))
    table = pq.read_table(path)
    assert rows == OBJECTS
    where = dict(zip(predicted.object_id.values.tolist(), predicted.predicted_class.values.tolist(), strict=True))
    pairs = zip(table["sb_object_id"].to_pylist(), table["sb_predicted_class"].to_pylist(), strict=True)
    assert all(where[object_id] == name for object_id, name in pairs)
    assert set(table["sb_status"].to_pylist()) == {Status.OK.name.lower()}


class AtOnce(WorkerPlugin):
    """Counts how many shards a worker computes at a time; by its own states, as its clock is set now and then."""

    name = "at once"

    def setup(self, worker):
        self.now = self.most = 0

    def transition(self, key, start, finish, **_):
        if key_split(key) == "predictions":
            self.now += (finish == "executing") - (start == "executing")
            self.most = max(self.most, self.now)


@pytest.mark.slow
def test_one_shard_is_computed_at_a_time_while_others_are_read_and_written(make_job, predicted):
    job = make_job("overlap", shards={"objects": 4}, cluster={"gpu": {"allow_cpu": True}})
    with connect(job.cluster.for_phase("predict"), job.output, print) as connection:
        client = connection.client
        client.register_plugin(AtOnce())
        run(job.model_copy(update={"stages": ("spectra",)}), client=client)
        client.get_task_stream(count=0)
        assert run(job, client=client).counts == {"ok": OBJECTS}
        spans = {"predictions-load": [], "predictions": [], "predictions-write": []}
        for task in client.get_task_stream():
            name = key_split(task["key"])
            if name in spans:
                spans[name] += [(s["start"], s["stop"]) for s in task["startstops"] if s["action"] == "compute"]
        most = client.run(lambda dask_worker: dask_worker.plugins["at once"].most)
    computed = sorted(spans["predictions"])
    assert len(computed) == OBJECTS / 4
    assert list(most.values()) == [1], "two on one GPU"
    for other in ("predictions-load", "predictions-write"):
        beside = [start < b and a < stop for a, b in spans[other] for start, stop in computed]
        assert any(beside), f"no {other} beside a computation"
    again = xr.open_zarr(f"{job.output}/predictions.zarr").load()
    np.testing.assert_array_equal(again.probability, predicted.probability)
