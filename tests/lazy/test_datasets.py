"""Datasets are saved in parts, hold text that every library takes, and say how they were made."""

import json

import dask
import numpy as np
import pytest
import xarray as xr

import survey_batch as sb
from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.lazy import datasets
from survey_batch.lazy.datasets import check_made, finished, made_from, made_of
from survey_batch.models.recipe import Recipe
from tests.lazy.conftest import FEATURES, OBJECTS

pytestmark = pytest.mark.filterwarnings("error::xarray.SerializationWarning")


def recipe(**made):
    made = made or {"spectral_features.blocks": 5, "spectra.wavelength_min": 3700.0}
    return Recipe(product="features", variables=("value",), shape=(len(FEATURES),), made=made)


def other_than(product):
    """The same values, said to be made with nine blocks."""
    return finished(product, made_from(product, {"spectral_features.blocks": 9}))


ONE_TEXT = pytest.mark.filterwarnings("ignore:The data type .FixedLengthUTF32")
"""xarray keeps the texts of a single object as arrays of their lengths, which Zarr says have no specification yet."""

PARTS = {
    "whole": lambda ds: ds,
    "loaded and lazy": lambda ds: xr.concat(
        [ds.isel(object=slice(0, 4)).load(), ds.isel(object=slice(4, 9))], "object"
    ),
    "lazy and loaded": lambda ds: xr.concat(
        [ds.isel(object=slice(0, 8)), ds.isel(object=slice(0, 8)).compute()], "object"
    ),
    "from the start": lambda ds: ds.isel(object=slice(0, 11)),
    "within a shard": lambda ds: ds.isel(object=slice(3, 7)),
    "masked": lambda ds: ds.isel(object=np.arange(OBJECTS) % 3 == 1),
    "where": lambda ds: ds.where((ds.label == "A").compute(), drop=True),
    "sorted": lambda ds: ds.sortby("ra", ascending=False).chunk(object=6),
    "concatenated": lambda ds: xr.concat([ds.isel(object=slice(0, 4)), ds.isel(object=slice(9, 12))], "object"),
    "products": lambda ds: xr.concat([ds.isel(object=slice(0, 16)), ds.isel(object=slice(0, 16))], "object"),
    "indexed": lambda ds: ds.set_index(object="object_id"),
    "indexed and back": lambda ds: ds.set_index(object="object_id").reset_index("object"),
    "computed": lambda ds: ds.isel(object=slice(3, 19)).compute(),
    "one": lambda ds: ds.isel(object=3).compute(),
    "rechunked": lambda ds: ds.isel(object=slice(3, 19)).chunk(object=6),
}


def assert_same_values(found, expected):
    assert set(found.variables) == set(expected.variables)
    for name, values in expected.variables.items():
        np.testing.assert_array_equal(np.asarray(found[name]), np.asarray(values), err_msg=name)


@pytest.mark.parametrize("part", PARTS)
@ONE_TEXT
def test_parts_are_saved_as_zarr_as_they_come(product, tmp_path, part):
    wanted = PARTS[part](product)
    wanted.to_zarr(tmp_path / "part.zarr", consolidated=False)
    assert_same_values(xr.open_zarr(tmp_path / "part.zarr", consolidated=False), wanted)


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
@pytest.mark.parametrize("part", PARTS)
def test_parts_are_saved_as_netcdf_as_they_come(product, tmp_path, part, engine):
    pytest.importorskip(engine)
    wanted = PARTS[part](product)
    wanted.to_netcdf(tmp_path / "part.nc", engine=engine)
    with xr.open_dataset(tmp_path / "part.nc", engine=engine) as found:
        assert_same_values(found, wanted)


def test_flags_have_the_type_of_their_variable_also_when_they_are_saved(product, tmp_path):
    flags = product.status.attrs["flag_values"]
    assert flags.dtype == product.status.dtype == np.uint8
    assert flags.tolist() == [int(status) for status in Status]
    product.to_netcdf(tmp_path / "part.nc", engine="h5netcdf")
    assert xr.open_dataset(tmp_path / "part.nc", engine="h5netcdf").status.attrs["flag_values"].dtype == np.uint8


def test_text_of_more_objects_than_may_be_in_memory_is_lazy_as_the_rest(output, monkeypatch):
    monkeypatch.setattr(datasets, "TEXTS_KEPT", OBJECTS - 1)
    product = sb.open_product(output, "features")
    for name in ("object_id", "label", "split", "kind", "made_with"):
        assert product[name].chunks == product.value.chunks[:1], name
        assert product[name].dtype == object, name
    assert product.status.groupby(product.label.compute()).count().values.tolist() == [10, 10]
    check_made(recipe(), product)


def test_a_dataset_with_text_that_was_not_read_goes_to_workers(product):
    part = dask.delayed(product.isel(object=slice(3, 7)))
    assert_same_values(part.compute(scheduler="processes", num_workers=1), product.isel(object=slice(3, 7)))


def test_the_line_of_the_readme_makes_python_strings_of_what_xarray_opens(output, product):
    ds = xr.open_zarr(f"{output}/features.zarr")
    ds = ds.assign({name: v.astype(object) for name, v in ds.variables.items() if v.dtype.kind == "T"})
    assert set(ds.coords) == set(product.coords) - {"made_with"}
    for name in ds.variables:
        assert ds[name].dtype == product[name].dtype
        assert (ds[name].values == product[name].values).all()


@pytest.mark.parametrize("part", [part for part in PARTS if part != "indexed"])
@ONE_TEXT
def test_how_a_product_was_made_stays_with_its_parts_also_when_they_are_saved(product, tmp_path, part):
    wanted = PARTS[part](product)
    check_made(recipe(), wanted)
    wanted.to_zarr(tmp_path / "part.zarr", consolidated=False)
    again = xr.open_zarr(tmp_path / "part.zarr", consolidated=False)
    check_made(recipe(), again)
    with pytest.raises(PlanMismatchError, match=r"features\.blocks is 5 and was 9"):
        check_made(recipe(**{"spectral_features.blocks": 9, "spectra.wavelength_min": 3700.0}), again)


def test_what_xarray_opens_says_it_by_the_product_s_own_attribute(output, product):
    assert made_of(xr.open_zarr(f"{output}/features.zarr")) == made_of(product)
    assert made_of(product) == {"spectral_features.blocks": 5, "spectra.wavelength_min": 3700.0}


def test_a_result_says_how_it_was_made_and_how_what_it_was_made_of(product):
    assert json.loads(other_than(product).attrs["made_with"]) == {
        "spectral_features.blocks": 9,
        "spectra.wavelength_min": 3700.0,
    }


def test_what_is_not_known_is_refused(product):
    with pytest.raises(PlanMismatchError, match="no attribute 'made_with'.*unchecked=True.*features.blocks = 5"):
        check_made(recipe(), product.drop_attrs())
    assert made_from(product.drop_attrs(), {"spectral_features.blocks": 5}) is None


def concatenated(one, two, _):
    return xr.concat([one, two], "object", coords="different", compat="equals")


def concatenated_as_xarray_will(one, two, _):
    return xr.concat([one, two], "object", coords="minimal", compat="override")


def appended(one, two, path):
    one.to_zarr(path, consolidated=False)
    two.load().to_zarr(path, consolidated=False, append_dim="object")
    return xr.open_zarr(path, consolidated=False)


def loaded_and_lazy(one, two, _):
    return xr.concat([one.compute(), two], "object", coords="different", compat="equals")


def lazy_and_loaded(one, two, _):
    return xr.concat([one, two.compute()], "object")


@pytest.mark.parametrize(
    "join", [concatenated, concatenated_as_xarray_will, appended, loaded_and_lazy, lazy_and_loaded]
)
def test_parts_that_were_made_otherwise_are_refused_together(product, tmp_path, join):
    mixed = join(product, other_than(product), tmp_path / "mixed.zarr")
    for part in (mixed, mixed.load()):
        with pytest.raises(PlanMismatchError, match="its parts were made with different settings"):
            check_made(recipe(), part)
    with pytest.raises(PlanMismatchError):
        check_made(recipe(), mixed.isel(object=slice(OBJECTS, None)))


def test_a_part_that_was_made_right_is_taken_from_a_mixture(product):
    mixed = xr.concat([product, other_than(product)], "object", coords="minimal", compat="override")
    check_made(recipe(), mixed.isel(object=slice(0, OBJECTS)))


def test_scores_along_components_that_are_not_named_are_refused(product):
    scored = recipe().model_copy(update={"basis": "0123"})
    with pytest.raises(PlanMismatchError, match="which principal components"):
        check_made(scored, product)
    check_made(scored, finished(product, {**made_of(product), "spectral_features.basis": "0123"}))
    with pytest.raises(PlanMismatchError, match="not those it was trained on"):
        check_made(scored, finished(product, {**made_of(product), "spectral_features.basis": "4567"}))
