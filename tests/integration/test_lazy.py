"""The batch's kernels on Dask-backed datasets give what the batch stores, bit for bit."""

import json
import warnings

import dask
import numpy as np
import pytest
import xarray as xr

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.training.train import train
from tests.jobs import lamost_job, sdss_job

pytestmark = pytest.mark.bits

SPECTRA, SOURCES = 48, 40
SPLIT = {"train": 0.6, "validation": 0.2, "test": 0.2}
"""Objects are held out for the temperature: else five more networks are trained for it."""


@pytest.fixture(scope="module", autouse=True)
def _no_key_twice():
    """Keep the tasks of graphs that are computed at once after another: fused ones share keys (dask#9888)."""
    with dask.config.set({"optimization.fuse.active": False}):
        yield


@pytest.fixture(scope="module")
def spectral(tmp_path_factory, cluster):
    """A job on spectra with everything stored, one of whose files is broken."""
    folder = tmp_path_factory.mktemp("lazy-spectra")
    simulate_lamost(folder / "archive", objects=SPECTRA, seed=3)
    sorted((folder / "archive").glob("spec-*"))[7].write_bytes(b"SIMPLE  = broken")
    model = str(folder / "model")
    job = lamost_job(
        {
            "catalog": {"path": str(folder / "archive" / "catalog.csv"), "label": "spectral_type", "split": SPLIT},
            "archive": {"survey": "lamost", "root": str(folder / "archive")},
        },
        folder / "out",
        ("spectra", "features", "predictions"),
        train={"classifier": model, "variant": "lines", "epochs": 2, "members": 1},
        predictions={"classifier": model, "batch": 32},
        shards={"objects": 16},
    )
    run(job.model_copy(update={"stages": ("spectra", "features")}), client=cluster)
    return job


@pytest.fixture(scope="module")
def predicted(spectral, cluster):
    """The same job with predictions, by a classifier that was trained on its spectra."""
    train(spectral)
    assert run(spectral, client=cluster).counts == {"ok": SPECTRA - 1, "unreadable": 1}
    return spectral


@pytest.fixture(scope="module")
def imaged(tmp_path_factory, cluster):
    """A job on cutouts with everything stored; one band of the field is missing."""
    folder = tmp_path_factory.mktemp("lazy-images")
    catalog = simulate_sdss(folder / "archive", fields=1, objects=SOURCES, seed=3)
    next((folder / "archive").rglob("frame-z-*")).unlink()
    job = sdss_job(
        catalog,
        folder / "archive",
        folder / "out",
        stages=["frames", "cutouts", "composites", "features"],
        composites={"bands": "irg", "pair": "zru", "size": 50},
        shards={"objects": 16},
    )
    run(job, client=cluster)
    return job


def plain(attrs):
    """Attributes, the flags among them as lists with the type of their numbers."""
    return {
        name: (value.tolist(), value.dtype.str) if hasattr(value, "dtype") else value for name, value in attrs.items()
    }


def assert_same_bits(lazy, stored):
    for name, values in lazy.variables.items():
        assert values.dims == stored[name].dims, name
        ours, theirs = np.asarray(values), np.asarray(stored[name])
        assert ours.dtype == theirs.dtype, name
        assert np.array_equal(ours, theirs) if ours.dtype.kind == "O" else ours.tobytes() == theirs.tobytes(), name
        assert plain(values.attrs) == plain(stored[name].attrs), name


@pytest.mark.parametrize("chunks", [16, 5, None])
def test_features_of_spectra_are_those_of_the_batch_whatever_the_chunks(spectral, chunks):
    spectra = sb.open_product(spectral, "spectra")
    stored = sb.open_product(spectral, "features")
    given = spectra.load() if chunks is None else spectra.chunk(object=chunks)
    lazy = sb.features(given, components=stored, blocks=5)
    assert (chunks is None) == (lazy.chunks == {})
    assert_same_bits(lazy.compute(), stored.load())


def test_principal_components_are_those_of_the_batch(spectral):
    spectra, stored = sb.open_product(spectral, "spectra"), sb.open_product(spectral, "features")
    fitted = sb.principal_components(spectra, 3, blocks=5)
    assert fitted.made_with == stored.made_with[0]
    assert_same_bits(fitted.drop_vars("made_with"), stored.load())


@pytest.mark.slow
def test_predictions_of_whole_shards_are_those_of_the_batch(predicted, cluster):
    lazy = sb.predict(sb.open_product(predicted, "spectra"), predicted.predictions.classifier, batch=32)
    # On workers: TensorFlow must have been started with the settings of a worker to give the same last bits.
    assert_same_bits(lazy.compute(scheduler=cluster), sb.open_product(predicted, "predictions").load())


OPENED = {
    "product": lambda job: sb.open_product(job, "spectra"),
    "chunked": lambda job: sb.open_product(job, "spectra").chunk(object=5),
    "plain": lambda job: xr.open_zarr(f"{job.output}/spectra.zarr"),
}


@pytest.mark.parametrize("opened", OPENED)
def test_results_are_grouped_by_label_and_joined_with_loaded_ones(spectral, opened):
    stored = sb.open_product(spectral, "features").load()
    lazy = sb.features(OPENED[opened](spectral), components=stored, blocks=5)
    assert dask.is_dask_collection(lazy.value)
    groups = lazy.status.groupby(lazy.label).count()
    assert int(groups.sum()) == SPECTRA
    assert set(groups.label.values) == set(stored.label.values)
    loaded = lazy.compute()
    for joined in (xr.concat([loaded, lazy], "object"), xr.concat([lazy, loaded], "object")):
        assert joined.made_with.size == 2 * SPECTRA
        assert_same_bits(joined.isel(object=slice(SPECTRA, None)).compute(), stored)


@pytest.mark.slow
def test_a_loaded_part_of_spectra_is_joined_with_a_lazy_one_and_classified(predicted):
    spectra, stored = sb.open_product(predicted, "spectra"), sb.open_product(predicted, "predictions").load()
    joined = xr.concat([spectra.isel(object=slice(0, 16)).compute(), spectra.isel(object=slice(16, None))], "object")
    lazy = sb.predict(joined, predicted.predictions.classifier, batch=32)
    assert dask.is_dask_collection(lazy.probability)
    assert lazy.object_id.values.tolist() == stored.object_id.values.tolist()
    np.testing.assert_allclose(lazy.probability.compute(), stored.probability, rtol=0, atol=1e-6)
    groups = stored.confidence.groupby(sb.open_product(predicted, "predictions").predicted_class).count()
    assert int(groups.sum()) == SPECTRA - 1


@pytest.mark.slow
def test_predictions_in_other_chunks_are_those_of_the_batch_to_rounding(predicted):
    spectra = sb.open_product(predicted, "spectra").chunk(object=7)
    lazy, stored = (
        sb.predict(spectra, predicted.predictions.classifier, batch=32).load(),
        sb.open_product(predicted, "predictions").load(),
    )
    np.testing.assert_allclose(lazy.probability, stored.probability, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(lazy.status, stored.status)


@pytest.mark.slow
def test_another_product_than_the_classifier_takes_is_refused_by_name(predicted):
    with pytest.raises(ConfigurationError, match="takes the product 'spectra'; the dataset lacks its variables"):
        sb.predict(sb.open_product(predicted, "features"), predicted.predictions.classifier)


@pytest.mark.slow
def test_a_dataset_that_does_not_say_how_it_was_made_is_predicted_from_only_on_demand(predicted):
    spectra = sb.open_product(predicted, "spectra").isel(object=slice(0, 3)).drop_attrs()
    with pytest.raises(PlanMismatchError, match="unchecked=True"):
        sb.predict(spectra, predicted.predictions.classifier)
    assert sb.predict(spectra, predicted.predictions.classifier, unchecked=True).sizes["object"] == 3


@pytest.mark.slow
def test_lazy_results_say_how_they_were_made_as_the_batch_s_products_do(predicted, imaged):
    spectra, cutouts = sb.open_product(predicted, "spectra"), sb.open_product(imaged, "cutouts")
    stored = sb.open_product(predicted, "features")
    made = [
        (predicted, "features", sb.features(spectra, components=stored, blocks=5)),
        (predicted, "predictions", sb.predict(spectra, predicted.predictions.classifier, batch=32)),
        (imaged, "features", sb.features(cutouts)),
        (imaged, "composites", sb.composites(cutouts, bands="irg", pair="zru", size=50)),
    ]
    for job, product, lazy in made:
        assert lazy.attrs["made_with"] == sb.open_product(job, product).attrs["made_with"], product
    assert "made_with" not in sb.features(spectra.drop_attrs(), blocks=5).attrs


@pytest.mark.slow
def test_what_was_cut_from_the_given_dataset_is_part_of_how_the_result_was_made(imaged):
    cutouts = sb.open_product(imaged, "cutouts")
    part = cutouts.isel(x=slice(1, -1), y=slice(1, -1))
    inner = sb.composites(part, bands="irg")
    assert json.loads(inner.attrs["made_with"])["cutouts.size"] == cutouts.sizes["x"] - 2
    with pytest.raises(ConfigurationError, match="x_object and y_object do not tell what was cut off"):
        sb.features(part)


@pytest.mark.slow
def test_objects_below_the_threshold_are_left_without_a_class(predicted):
    spectra = sb.open_product(predicted, "spectra").load()
    plain = sb.predict(spectra, predicted.predictions.classifier).load()
    threshold = float(plain.confidence.median())
    strict = sb.predict(spectra, predicted.predictions.classifier, threshold=threshold).load()
    answered = (plain.confidence >= threshold).values
    assert 0 < answered.sum() < plain.sizes["object"]
    np.testing.assert_array_equal(strict.predicted_class, np.where(answered, plain.predicted_class, ""))
    for name in ("probability", "confidence", "status"):
        np.testing.assert_array_equal(strict[name], plain[name])


@pytest.mark.slow
def test_composites_are_those_of_the_batch(imaged):
    cutouts = sb.open_product(imaged, "cutouts").chunk(object=7)
    lazy = sb.composites(cutouts, bands="irg", pair="zru", size=50)
    assert dask.is_dask_collection(lazy.image)
    assert_same_bits(lazy.compute(), sb.open_product(imaged, "composites").load())


@pytest.mark.slow
def test_features_of_images_are_those_of_the_batch(imaged):
    cutouts = sb.open_product(imaged, "cutouts").chunk(object=7)
    assert_same_bits(sb.features(cutouts).compute(), sb.open_product(imaged, "features").load())


@pytest.mark.slow
def test_one_object_alone_is_measured_as_among_others(imaged):
    cutouts, stored = sb.open_product(imaged, "cutouts"), sb.open_product(imaged, "features")
    alone = sb.features(cutouts.isel(object=slice(3, 4)).load())
    assert_same_bits(alone, stored.isel(object=slice(3, 4)).load())


def test_results_can_be_computed_from_results(spectral, tmp_path):
    spectra = sb.open_product(spectral, "spectra")
    bright = spectra.isel(object=spectra.snr.compute() > 10)
    lazy = sb.features(bright, components=sb.open_product(spectral, "features"), blocks=5)
    table = lazy.value.sel(feature=["lick_h_beta", "component_000"]).to_pandas()
    assert len(table) == bright.sizes["object"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sb.features(bright).to_zarr(tmp_path / "mine.zarr", consolidated=False)
    assert "dn4000" in xr.open_zarr(tmp_path / "mine.zarr", consolidated=False).feature


@pytest.mark.slow
def test_wrong_settings_and_datasets_are_named(predicted, imaged):
    cutouts, spectra = sb.open_product(imaged, "cutouts"), sb.open_product(predicted, "spectra")
    with pytest.raises(ConfigurationError, match=r"composites\.bands"):
        sb.composites(cutouts, bands="abc")
    with pytest.raises(ConfigurationError, match="lacks"):
        sb.features(spectra.drop_vars("ivar"))
    with pytest.raises(ConfigurationError, match="neither a dimension 'wavelength' nor a coordinate 'band'"):
        sb.composites(spectra)
    with pytest.raises(ConfigurationError, match="components must be a dataset"):
        sb.features(spectra, components=20)
    with pytest.raises(ConfigurationError, match="no dimension 'object'"):
        sb.features(cutouts.isel(object=3))
    with pytest.raises(ConfigurationError, match="bands"):
        sb.composites(cutouts.isel(band=[0, 1]))
    with pytest.raises(ConfigurationError, match="not a log10 grid"):
        sb.features(spectra.assign_coords(wavelength=np.linspace(3700, 9100, spectra.sizes["wavelength"])))
    with pytest.raises(PlanMismatchError, match="not those the classifier takes"):
        sb.predict(spectra.isel(wavelength=slice(10, None)), predicted.predictions.classifier).compute()


@pytest.mark.slow
def test_the_order_of_dimensions_and_the_chunks_do_not_matter(imaged, spectral):
    cutouts, stored = sb.open_product(imaged, "cutouts"), sb.open_product(imaged, "features")
    turned = cutouts.assign(flux=cutouts.flux.transpose("band", "x", "object", "y"))
    assert_same_bits(sb.features(turned).compute(), stored.load())
    spectra = xr.open_zarr(f"{spectral.output}/spectra.zarr")
    uneven = spectra.assign(flux=spectra.flux.chunk(object=5, wavelength=1000))
    lazy = sb.features(uneven, components=sb.open_product(spectral, "features"), blocks=5)
    assert_same_bits(lazy.compute(), sb.open_product(spectral, "features").load())
