import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import preprocessing
from survey_batch.models.preprocessing import good_share, relative_bins, step
from tests.models.conftest import make_block


@pytest.fixture
def block():
    return make_block(np.array(["A", "F", "G", "M"]), 1)


@settings(deadline=None, max_examples=20)
@given(st.floats(1e-3, 1e6))
def test_brightness_does_not_matter(scale):
    block = make_block(np.array(["A", "G"]), 1)
    brighter = block | {"flux": block["flux"] * np.float32(scale), "ivar": block["ivar"] / np.float32(scale) ** 2}
    np.testing.assert_allclose(relative_bins(**brighter), relative_bins(**block), rtol=1e-4)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.integers(10, 300), st.sampled_from([0.5, 4.0, 12.5, 50.0]), st.floats(0, 1))
def test_the_continuum_is_the_gaussian_mean_that_scipy_gives(seed, bins, width, share):
    random = np.random.default_rng(seed)
    mean, count = random.uniform(0.1, 2, (3, bins)), 16.0 * (random.random((3, bins)) < share)
    smooth, weight = gaussian_filter1d(mean * count, width, axis=1), gaussian_filter1d(count, width, axis=1)
    expected = np.maximum(np.divide(smooth, weight, out=np.zeros_like(smooth), where=weight > 0), 0.02)
    light = np.concatenate([mean * count, count])
    np.testing.assert_allclose(preprocessing._run(light, width, 0.02), expected, rtol=1e-6)


def test_a_featureless_spectrum_is_one_everywhere():
    flux = np.full((1, 320), 7, np.float32)
    bins = relative_bins(flux, np.ones_like(flux), np.zeros(flux.shape, np.int32))
    assert bins.shape == (1, 20, 2)
    np.testing.assert_allclose(bins, 1, rtol=1e-6)


def test_a_line_is_below_one_where_it_is(block):
    bins = relative_bins(**block)[0, :, 0]
    assert np.argmin(bins) == 200 // 16
    assert bins.min() < 0.7


def test_bad_pixels_have_no_influence(block):
    clean = make_block(np.array(["A", "F", "G", "M"]), 1)
    for name, value in (("flux", 1e9), ("ivar", 0), ("mask", 1)):
        block[name][:, 100:130] = value
        clean[name][:, 100:130] = {"flux": np.nan, "ivar": 0, "mask": 1}[name]
    np.testing.assert_array_equal(relative_bins(**block), relative_bins(**clean))


@pytest.mark.parametrize("value", [np.nan, 0.0, -5.0])
def test_spectra_without_anything_to_scale_by_stay_finite(block, value):
    block["flux"][1] = value
    assert np.isfinite(relative_bins(**block)).all()


@pytest.mark.bits
def test_each_row_is_treated_by_itself(block):
    alone = relative_bins(**{name: values[2:3] for name, values in block.items()})
    np.testing.assert_array_equal(alone[0], relative_bins(**block)[2])


def test_good_share_counts_usable_pixels(block):
    block["mask"][0, :320] = 4
    block["ivar"][1, :160] = 0
    block["flux"][2] = np.nan
    np.testing.assert_allclose(good_share(**block), [0.5, 0.75, 0, 1])


def test_a_recipe_without_a_step_is_refused():
    with pytest.raises(ConfigurationError, match="'floor'"):
        step({"floor": "low"}, "floor")


@given(st.integers(1, 300), st.integers(0, 10), st.sampled_from([(0,), (0, 1)]))
@settings(max_examples=30, deadline=None)
def test_mean_and_spread_do_not_depend_on_how_rows_are_read(rows, seed, axes):
    values = np.random.default_rng(seed).normal(1e3, 1, (rows, 4, 2)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocessing, "ROWS_AT_ONCE", 7)
        mean, spread = preprocessing.mean_and_spread(values, axes)
    np.testing.assert_allclose(mean, values.mean(axis=axes, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(spread, values.std(axis=axes, dtype=np.float64), rtol=1e-7, atol=1e-9)
