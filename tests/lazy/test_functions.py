"""Kernels on datasets: shapes and chunks of the result, rows that cannot be used, and what is refused."""

import dask
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.lazy.functions import apply, composites, features, predict, principal_components
from survey_batch.lazy.inputs import DIMENSIONS
from survey_batch.lazy.stages import image_stage
from survey_batch.spectra.grid import log_grid
from survey_batch.stages import make_stage
from tests.models.folders import write_folder

OBJECTS, SIZE, BANDS = 9, 16, ("g", "r", "i")


def cutouts(objects=OBJECTS):
    """Stars of different brightness and colour on a faint sky."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
    star = np.exp(-(x**2 + y**2) / 8)
    flux = random.uniform(1, 20, (objects, len(BANDS), 1, 1)) * star + random.normal(0, 0.01, (objects, 3, SIZE, SIZE))
    return xr.Dataset(
        {
            "flux": (("object", "band", "y", "x"), flux.astype(np.float32)),
            "status": ("object", np.full(objects, Status.OK, np.uint8)),
        },
        coords={
            "band": list(BANDS),
            "object_id": ("object", np.array([f"id-{row}" for row in range(objects)], object)),
        },
    )


def spectra(objects=OBJECTS):
    wavelength = log_grid(4000.0, 4400.0)
    flux = 100 + np.random.default_rng(2).normal(0, 3, (objects, wavelength.size))
    every = ("object", "wavelength")
    return xr.Dataset(
        {
            "flux": (every, flux.astype(np.float32)),
            "ivar": (every, np.full(flux.shape, 0.1, np.float32)),
            "mask": (every, np.zeros(flux.shape, np.int32)),
            "redshift": ("object", np.zeros(objects, np.float32)),
            "split": ("object", np.array(["train", "train", ""] * (objects // 3), object)),
        },
        coords={"wavelength": wavelength},
    )


def few_pixels(step):
    return spectra().isel(wavelength=slice(40)).assign_coords(wavelength=log_grid(4000.0, 4400.0, step)[:40])


def test_nothing_is_computed_before_it_is_asked_for():
    lazy = composites(cutouts().chunk(object=4), bands="irg")
    assert dask.is_dask_collection(lazy.image)
    assert lazy.image.chunks[0] == (4, 4, 1)
    assert lazy.image.dims == ("object", "y", "x", "channel")
    assert lazy.image.dtype == np.uint8
    assert lazy.object_id.values.tolist() == [f"id-{row}" for row in range(OBJECTS)]


def test_chunks_change_no_value_and_what_is_in_memory_stays_there():
    whole = composites(cutouts(), bands="irg")
    assert not dask.is_dask_collection(whole.image)
    assert whole.image.values.any()
    for size in (1, 4, OBJECTS):
        xr.testing.assert_identical(composites(cutouts().chunk(object=size), bands="irg").compute(), whole)


@settings(max_examples=5)
@given(st.permutations(["object", "band", "y", "x"]))
def test_the_order_of_dimensions_does_not_matter(order):
    given = cutouts(3)
    expected = composites(given, bands="irg")
    found = composites(given.transpose(*order).chunk(object=2, y=5), bands="irg").compute()
    np.testing.assert_array_equal(found.image, expected.image)


@pytest.mark.parametrize("kind", [str, float])
def test_a_status_that_is_no_whole_number_is_refused(kind):
    given = cutouts()
    with pytest.raises(ConfigurationError, match=r"'status' is of type .*whole numbers.*drop_vars\('status'\)"):
        composites(given.assign(status=given.status.astype(kind)), bands="irg")
    assert composites(given.drop_vars("status"), bands="irg").image.values.any()


def test_rows_that_cannot_be_used_keep_their_status_and_hold_nothing():
    given = cutouts()
    given.status[2], given.status[5] = Status.NOT_FOUND, Status.PARTIAL
    made = composites(given, bands="irg")
    assert made.status.values[[1, 2, 5]].tolist() == [Status.OK, Status.NOT_FOUND, Status.PARTIAL]
    assert not made.image[2].any()
    assert made.image[5].any()
    assert composites(given.drop_vars("status"), bands="irg").status.values.tolist() == [Status.OK] * OBJECTS


def test_the_result_says_how_it_was_made_only_if_the_input_does():
    given = cutouts()
    assert "made_with" not in composites(given, bands="irg").variables
    given.attrs["made_with"] = '{"cutouts.size": 16}'
    assert '"composites.bands": "irg"' in composites(given, bands="irg").attrs["made_with"]


def test_features_of_spectra_have_components_where_these_are_given():
    options = {"blocks": 4}
    plain = features(spectra(), **options)
    learnt = principal_components(spectra().chunk(object=4), 2, **options)
    assert learnt.pca_components.shape[0] == 2
    scored = features(spectra(), learnt, **options)
    extra = set(scored.feature.values) - set(plain.feature.values)
    assert extra == {"component_000", "component_001"}
    shared = [name for name in plain.feature.values if name in scored.feature.values]
    np.testing.assert_array_equal(scored.value.sel(feature=shared), plain.value.sel(feature=shared))


def test_the_docstring_of_features_names_all_that_one_s_own_dataset_needs():
    per_band = ("object", "band")
    centre, one, unknown = (np.full((OBJECTS, len(BANDS)), value) for value in (SIZE / 2, 1.0, np.nan))
    own = cutouts()[["flux"]].assign(
        x_object=(per_band, centre),
        y_object=(per_band, centre),
        aperture_correction=(per_band, one),
        psf_fwhm=(per_band, unknown),
    )
    radii = {"apertures": (2.0, 3.0), "background": (4.0, 7.0)}
    for needed in (own, spectra()[["flux", "ivar", "mask", "redshift"]].drop_vars("object_id", errors="ignore")):
        settings = {"blocks": 4, "lines": False, "indices": False} if "wavelength" in needed.dims else radii
        assert np.isfinite(features(needed, **settings).value).any()
        for name in needed.data_vars:
            assert f"`{name}`" in str(features.__doc__)
            with pytest.raises(ConfigurationError, match="the dataset lacks|must be square"):
                features(needed.drop_vars(name), **settings)


def test_components_are_learnt_from_the_training_split_alone():
    given = spectra()
    learnt = principal_components(given, 2, blocks=4)
    given.flux[2::3] *= np.linspace(0.5, 3, given.sizes["wavelength"], dtype=np.float32)
    np.testing.assert_array_equal(principal_components(given, 2, blocks=4).pca_components, learnt.pca_components)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: composites(cutouts(), bands="xyz"), "asks for band x, y, z, but the cutouts have 'gri'"),
        (lambda: composites(cutouts(), colour="irg"), r"^composites\.colour is not a key of"),
        (lambda: composites(cutouts().drop_vars("band")), "neither a dimension 'wavelength' nor a coordinate 'band'"),
        (lambda: composites(cutouts().isel(object=3), bands="irg"), r"no dimension 'object'; keep it with isel"),
        (lambda: features(spectra(), cutouts()), "components must be a dataset with principal components"),
        (lambda: features(spectra(), 20), "components must be a dataset with principal components"),
        (lambda: features(few_pixels(1e-4), blocks=41), "blocks is 41, and spectra have 40 pixels"),
        (lambda: features(few_pixels(5e-4), blocks=4), "spectra.step is 0.0005 dex, and lines and bands are measured"),
        (
            lambda: principal_components(few_pixels(1e-4), 41, blocks=4),
            "number is 41, and spectra have 40 pixels: use 1",
        ),
        (lambda: principal_components(few_pixels(1e-4), 0, blocks=4), "number is 0, and spectra have 40 pixels"),
        (lambda: principal_components(few_pixels(1e-4).drop_vars("mask")), r"the dataset lacks \['mask'\]"),
        (lambda: features(spectra().drop_vars("ivar"), blocks=4), r"needs variables .*; the dataset lacks \['ivar'\]"),
        (lambda: composites(cutouts().expand_dims(epoch=2), bands="irg"), r"'flux' has the dimensions \(epoch, object"),
        (
            lambda: principal_components(spectra().expand_dims(epoch=2)),
            r"'flux' has .* must have \(object, wavelength\)",
        ),
    ],
)
def test_what_is_wrong_with_a_setting_or_a_dataset_is_said(call, said):
    with pytest.raises(ConfigurationError, match=said):
        call()


def test_a_dataset_without_the_classifier_s_variables_is_refused(tmp_path):
    write_folder(tmp_path / "model")
    with pytest.raises(ConfigurationError, match="takes the product 'spectra'; the dataset lacks its variables flux"):
        predict(spectra().drop_vars("flux"), tmp_path / "model")
    with pytest.raises(ConfigurationError, match=r"^predictions\.threshold is 2; must be"):
        predict(spectra(), tmp_path / "model", threshold=2)


def test_a_stage_is_given_its_variables_alone():
    given = cutouts().assign(extra=("object", np.zeros(OBJECTS)))
    stage = image_stage("composites", given, {"bands": "irg"})
    made = apply(stage, given, stage.settings())
    assert "extra" not in made
    assert [dim for dim in DIMENSIONS if dim in made.dims] == ["object", "y", "x", "channel"]


@pytest.mark.parametrize(("survey", "told"), [("sdss", "within 7.4 arcsec"), ("fits-images", "not corrected")])
def test_point_sources_are_said_to_be_corrected_where_their_frames_were_measured(survey, told):
    job = Job.model_validate(
        {
            "name": "t",
            "output": "unused",
            "stages": ["cutouts", "features"],
            "catalog": {"path": "unused"},
            "archive": {"survey": survey, "root": "unused"},
            "frames": {"bands": "gr"},
        }
    )
    variables = {one.name: one for one in make_stage(job, "cutouts").variables()}
    stored = xr.Dataset(
        {name: (one.dims, np.zeros((1,) * len(one.dims), np.float32), one.attrs) for name, one in variables.items()},
        coords={"band": ["g"]},
    ).isel(y=np.zeros(64, int), x=np.zeros(64, int))
    batch, lazy = make_stage(job, "features"), image_stage("features", stored.chunk(object=1), {})
    (feature,) = [one for one in lazy.features() if one.name == "psf_flux_g"]
    assert told in feature.description
    assert lazy.settings()["psf_flux"] == batch.settings()["psf_flux"]


def test_whole_numbers_are_taken_as_flux():
    given = cutouts().assign(flux=cutouts().flux.round())
    whole = given.assign(flux=given.flux.astype("i4"))
    xr.testing.assert_identical(composites(whole, bands="irg"), composites(given, bands="irg"))


def test_components_of_other_wavelengths_or_of_spectra_prepared_otherwise_are_refused():
    options = {"blocks": 4, "lines": False, "indices": False, "colours": False}
    given = spectra().assign_attrs(made_with="{}")
    one, other = (given.isel(wavelength=part) for part in (slice(0, 300), slice(50, 350)))
    learnt = principal_components(one, 2, **options)
    assert features(one, learnt, **options).sizes["feature"] > 0
    with pytest.raises(ConfigurationError, match="^components were fitted from 4000.* use the wavelengths of the fit"):
        features(other, learnt, **options)
    with pytest.raises(ConfigurationError, match=r"prepared with normalization = 'continuum', and here it is 'l2'"):
        features(one, learnt, **options, normalization="l2")


def test_measurements_of_a_part_of_each_image_are_refused_until_positions_are_put_right():
    centre = (("object", "band"), np.full((OBJECTS, len(BANDS)), SIZE / 2))
    whole = cutouts().assign(
        x_object=centre, y_object=centre, aperture_correction=(centre[0], centre[1] * 0 + 1), psf_fwhm=centre
    )
    whole.attrs["made_with"] = f'{{"cutouts.size": {SIZE}}}'
    radii = {"apertures": (2.0,), "background": (3.0, 5.0)}
    part = whole.isel(x=slice(1, -1), y=slice(1, -1))
    with pytest.raises(ConfigurationError, match=r"made with 16 x 16 pixels and have 14 x 14 now.*drop_attrs"):
        features(part, **radii)
    moved = part.assign(x_object=part.x_object - 1, y_object=part.y_object - 1).drop_attrs(deep=False)
    np.testing.assert_array_equal(features(moved, **radii).value, features(whole, **radii).value)
