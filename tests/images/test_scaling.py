import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from survey_batch.images.scaling import percentiles_of, scale_to_percentiles

RNG = np.random.default_rng(4)
PIXELS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 7), st.integers(1, 7)),
    elements=st.one_of(st.just(np.nan), st.sampled_from([0.0, 1.0]), st.floats(-(2.0**40), 2.0**40, width=32)),
)


@given(images=PIXELS, share=st.one_of(st.sampled_from([0, 1, 50, 99, 100]), st.floats(0, 100)))
@settings(deadline=None)
def test_percentiles_equal_those_of_numpy(images, share):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # numpy warns of images without data
        expected = np.nanpercentile(images.astype(np.float64), share, axis=(-2, -1)).astype(np.float32)
    np.testing.assert_array_equal(percentiles_of(images, [share])[0], expected)


def plainly(band, percentiles):
    """The recipe, for one band of one object."""
    low, high = np.nanpercentile(band.astype(np.float64), percentiles).astype(np.float32)
    return (np.clip(band, low, high) - low) / (high - low)


@given(
    n=st.integers(1, 4),
    size=st.integers(2, 20),
    seed=st.integers(0, 2**32 - 1),
    percentiles=st.tuples(st.floats(0, 40), st.floats(60, 100)),
)
@settings(deadline=None)
def test_scaled_images_equal_those_of_the_plain_recipe(n, size, seed, percentiles):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(n, 3, size, size)).astype(np.float32)
    images[rng.random(images.shape) < 0.1] = np.nan
    images[:, :, 0, :2] = [1, 2]  # at least two values in each
    expected = np.stack([np.stack([plainly(band, percentiles) for band in image]) for image in images])
    np.testing.assert_array_equal(scale_to_percentiles(images, percentiles), expected)


@given(images=PIXELS)
@settings(deadline=None)
def test_values_lie_between_0_and_1_and_nothing_becomes_data(images):
    scaled = scale_to_percentiles(images, (1, 99))
    np.testing.assert_array_equal(np.isnan(scaled), np.isnan(images))
    assert np.all((scaled[~np.isnan(scaled)] >= 0) & (scaled[~np.isnan(scaled)] <= 1))


def test_a_row_does_not_depend_on_its_block():
    images = RNG.normal(size=(5, 3, 9, 9)).astype(np.float32)
    images[2, 1, :4] = np.nan
    whole = scale_to_percentiles(images, (1, 99))
    for row in range(len(images)):
        alone = scale_to_percentiles(images[row : row + 1], (1, 99))
        assert whole[row : row + 1].tobytes() == alone.tobytes()


@pytest.mark.filterwarnings("error")
def test_a_constant_image_has_nothing_to_scale_and_an_empty_one_stays_empty():
    images = np.stack([np.full((4, 4), 7.0), np.full((4, 4), np.nan)]).astype(np.float32)
    scaled = scale_to_percentiles(images, (1, 99))
    assert not scaled[0].any()
    assert np.isnan(scaled[1]).all()


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_a_pixel_that_is_not_finite_is_no_data(bad):
    images = RNG.normal(size=(1, 8, 8)).astype(np.float32)
    empty = images.copy()
    images[0, 3, 3], empty[0, 3, 3] = bad, np.nan
    np.testing.assert_array_equal(scale_to_percentiles(images, (1, 99)), scale_to_percentiles(empty, (1, 99)))


def test_the_colour_is_lost_as_the_recipe_has_it():
    """Ten times the light in one band makes no difference: why this is not the default."""
    red = RNG.normal(size=(1, 1, 16, 16)).astype(np.float32)
    np.testing.assert_allclose(
        scale_to_percentiles(red, (1, 99)), scale_to_percentiles(10 * red, (1, 99)), rtol=0, atol=1e-6
    )
