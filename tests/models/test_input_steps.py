"""Each step is compared with numpy's own words for it."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import input_steps
from survey_batch.models.input_pipeline import finish
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.normalize import continuum
from tests.models.test_input_layout import cutouts, data

RANDOM = np.random.default_rng(5)
GRID = log_grid(6000, 6600)
FLUX = (10 + RANDOM.normal(size=(6, GRID.size))).astype("f4")
HOLES = np.where(RANDOM.random(FLUX.shape) < 0.1, np.nan, FLUX).astype("f4")


def spectra(flux=HOLES, **more):
    return data(("wavelength",), wavelength=GRID, flux=flux, **more)


def test_bad_pixels_are_masked_by_whatever_the_product_has():
    mask = np.zeros(FLUX.shape, "i4")
    mask[:, 3] = 4
    ivar = np.ones_like(FLUX)
    ivar[:, 5] = 0
    bad = {"mask": [3], "ivar": [5], "both": [3, 5]}
    for name, given in {"mask": {"mask": mask}, "ivar": {"ivar": ivar}, "both": {"mask": mask, "ivar": ivar}}.items():
        flux = input_steps.mask(spectra(FLUX, **given)).values["flux"]
        assert np.flatnonzero(np.isnan(flux[0])).tolist() == bad[name]
        np.testing.assert_array_equal(np.delete(flux, bad[name], axis=1), np.delete(FLUX, bad[name], axis=1))


def test_masking_needs_something_that_says_which_pixels_are_bad():
    with pytest.raises(
        ConfigurationError, match="needs flux, and ivar or mask beside it; there are flux; leave it out"
    ):
        input_steps.mask(spectra(FLUX))
    with pytest.raises(ConfigurationError, match="needs flux"):
        input_steps.mask(data(("feature",), value=FLUX, mask=FLUX))


SCALES = {
    "mean": lambda x: x / np.nanmean(x),
    "median": lambda x: x / np.nanmedian(x),
    "l2": lambda x: x / np.sqrt(np.nansum(x**2)),
    "minmax": lambda x: (x - np.nanmin(x)) / (np.nanmax(x) - np.nanmin(x)),
    "standard": lambda x: (x - np.nanmean(x)) / np.nanstd(x),
    "robust": lambda x: (x - np.nanmedian(x)) / (np.diff(np.nanpercentile(x, [16, 84])) / 2),
    "continuum": lambda x: x / continuum(x[None])[0],
}


@pytest.mark.parametrize("method", SCALES)
def test_normalising_is_what_its_name_says(method):
    made = input_steps.normalise(spectra(), method).values["flux"]
    expected = [SCALES[method](row.astype("f8")) for row in HOLES]
    np.testing.assert_allclose(made, expected, rtol=2e-6, atol=1e-6)


def test_ivar_is_scaled_with_flux_and_bands_keep_their_colours():
    made = input_steps.normalise(spectra(FLUX, ivar=np.ones_like(FLUX)), "mean").values
    mean = FLUX.mean(axis=1, dtype="f8")
    np.testing.assert_allclose(made["ivar"], np.broadcast_to(mean[:, None] ** 2, FLUX.shape), rtol=1e-5)
    flux = np.abs(cutouts().values["flux"]) + 1
    made = input_steps.normalise(data(("band", "y", "x"), flux=flux), "mean").values["flux"]
    np.testing.assert_allclose(made, flux / flux.mean(axis=(1, 2, 3), keepdims=True), rtol=1e-5)


def test_a_row_without_a_scale_is_missing_throughout():
    flux = np.stack([np.zeros(GRID.size), np.full(GRID.size, np.nan), np.ones(GRID.size)]).astype("f4")
    made = input_steps.normalise(spectra(flux), "mean").values["flux"]
    assert np.isnan(made[:2]).all()
    assert (made[2] == 1).all()


def test_a_continuum_is_for_spectra():
    with pytest.raises(ConfigurationError, match="'normalise:continuum' is for spectra"):
        input_steps.normalise(cutouts(), "continuum")


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_resampling_is_linear_interpolation(spacing):
    wanted = (np.geomspace if spacing == "log" else np.linspace)(6100, 6500, 77)
    made = input_steps.grid(spectra(FLUX), spacing, 6100.0, 6500.0, 77)
    np.testing.assert_allclose(made.values["flux"], [np.interp(wanted, GRID, row) for row in FLUX], rtol=1e-5)
    np.testing.assert_allclose(made.wavelength, wanted)


def test_a_missing_pixel_and_mask_bits_reach_both_neighbours_and_no_further():
    flux, mask = FLUX.copy(), np.zeros(FLUX.shape, "i4")
    flux[:, 40], mask[:, 40] = np.nan, 4
    made = input_steps.grid(spectra(flux, mask=mask), "linear", float(GRID[0]), float(GRID[-1]), 4 * GRID.size)
    near = np.abs(np.interp(made.wavelength, GRID, np.arange(GRID.size)) - 40) < 1
    np.testing.assert_array_equal(np.isnan(made.values["flux"][0]), near)
    np.testing.assert_array_equal(made.values["mask"][0], 4 * near)


def test_a_grid_beyond_the_product_is_refused():
    with pytest.raises(ConfigurationError, match=r"5000 to 6500 Angstrom, and the product has 6000\.\d+ to 6599\.\d+"):
        input_steps.grid(spectra(), "log", 5000.0, 6500.0, 10)
    with pytest.raises(ConfigurationError, match="has no wavelengths"):
        input_steps.grid(cutouts(), "log", 5000.0, 6500.0, 10)


def test_constants_are_one_or_one_for_each_band():
    flux = cutouts().values["flux"]
    np.testing.assert_array_equal(input_steps.subtract(cutouts(), 2.0).values["flux"], flux - np.float32(2))
    each = np.array([1, 2, 4], "f4")
    np.testing.assert_array_equal(input_steps.divide(cutouts(), 1, 2, 4).values["flux"], flux / each[:, None, None])
    with pytest.raises(ConfigurationError, match=r"2 numbers do not fit 'flux' of shape \(3, 8, 8\)"):
        input_steps.divide(cutouts(), 1, 2)
    with pytest.raises(ConfigurationError, match="divide by 0"):
        input_steps.divide(cutouts(), 0)


def test_grey_levels_become_numbers_between_0_and_1():
    image = np.arange(2 * 4 * 4 * 3, dtype="u1").reshape(2, 4, 4, 3)
    made = input_steps.divide(data(("y", "x", "channel"), image=image), 255).values["image"]
    np.testing.assert_allclose(made, image / 255, rtol=1e-6)
    assert made.dtype == np.float32


def test_limits_of_clip_the_wrong_way_round_are_refused():
    with pytest.raises(ConfigurationError, match=r"'clip:10,9' would make all values equal; write clip:LOW,HIGH"):
        input_steps.clip(spectra(FLUX), 10, 9)


def test_asinh_and_clip_leave_what_describes_the_data():
    given = spectra(FLUX, ivar=np.full_like(FLUX, 7))
    np.testing.assert_allclose(input_steps.asinh(given, 3.0).values["flux"], np.arcsinh(FLUX / 3), rtol=1e-6)
    clipped = input_steps.clip(spectra(HOLES, ivar=np.full_like(FLUX, 7)), 9.5, 10.5).values
    np.testing.assert_array_equal(clipped["flux"], np.clip(HOLES, np.float32(9.5), np.float32(10.5)))
    assert (clipped["ivar"] == 7).all()


FILLS = {
    "zero": lambda x: np.nan_to_num(x),
    "mean": lambda x: np.where(np.isnan(x), np.nanmean(x), x),
    "interpolate": lambda x: np.interp(np.arange(x.size), np.flatnonzero(~np.isnan(x)), x[~np.isnan(x)]),
}


@pytest.mark.parametrize("policy", FILLS)
def test_what_is_missing_is_filled(policy):
    made = input_steps.nan(spectra(), policy)
    np.testing.assert_allclose(made.values["flux"], [FILLS[policy](row) for row in HOLES], rtol=1e-5)
    assert made.possible.all()


@pytest.mark.parametrize("policy", [*FILLS, "refuse"])
def test_an_object_without_any_value_is_not_answered(policy):
    flux = np.stack([np.full(GRID.size, np.nan), HOLES[0], FLUX[0]]).astype("f4")
    assert input_steps.nan(spectra(flux), policy).possible.tolist() == [False, policy != "refuse", True]


def test_images_are_not_interpolated():
    with pytest.raises(ConfigurationError, match="'nan:interpolate' is for spectra"):
        input_steps.nan(cutouts(), "interpolate")


def test_a_row_is_the_same_alone_and_among_others():
    for name, ways in {"normalise": SCALES, "nan": FILLS}.items():
        for way in ways:
            together = getattr(input_steps, name)(spectra(), way).values["flux"][2:3]
            np.testing.assert_array_equal(getattr(input_steps, name)(spectra(HOLES[2:3]), way).values["flux"], together)


def test_a_model_that_knows_missing_values_is_handed_them_as_nan():
    flux = np.array([[1, np.inf, 3], [np.nan, np.nan, np.nan], [1, 2, 3]], np.float32)
    data = finish(input_steps.nan(spectra(flux), "keep"))
    assert data.possible.tolist() == [True, False, True]
    np.testing.assert_array_equal(data.values["flux"], [[1, np.nan, 3], [0, 0, 0], [1, 2, 3]])
