import numpy as np
import pytest
from astropy.visualization import make_lupton_rgb
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from survey_batch.config.sections.images import CompositesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.images import composite
from survey_batch.images.composite import composite_images

RNG = np.random.default_rng(6)


def cutouts(n=5, bands=5, size=16):
    sky = RNG.normal(0, 0.05, (n, bands, size, size))
    sky[..., size // 2, size // 2] += 10 ** RNG.uniform(-1, 2, (n, bands))
    return sky.astype(np.float32)


@pytest.mark.parametrize("scaling", ["flux", "percentile"])
@given(triple=st.permutations("ugriz"), order=st.permutations("ugriz"))
@settings(deadline=None, max_examples=20)
def test_any_three_bands_in_any_order_equal_the_plain_recipe(scaling, triple, order):
    flux = cutouts()
    section = CompositesSection(bands="".join(triple[:3]), scaling=scaling, q=7.0, stretch=0.1)
    for image, ours in zip(flux, composite_images(flux, order, section), strict=True):
        bands = [image[order.index(band)] for band in triple[:3]]
        if scaling == "percentile":
            bands = [plainly(band) for band in bands]
        np.testing.assert_array_equal(ours, make_lupton_rgb(*bands, minimum=0, stretch=0.1, Q=7.0))


def plainly(band):
    low, high = np.percentile(band.astype(np.float64), [1, 99]).astype(np.float32)
    return (np.clip(band, low, high) - low) / (high - low)


def test_percentile_scaling_has_q_8_and_stretch_0_02_by_default():
    flux = cutouts(n=1)
    ours = composite_images(flux, "ugriz", CompositesSection(bands="gri", scaling="percentile"))
    expected = make_lupton_rgb(*(plainly(band) for band in flux[0, 1:4]), minimum=0, stretch=0.02, Q=8)
    np.testing.assert_array_equal(ours[0], expected)


def test_a_pair_has_both_images_of_the_same_object_side_by_side():
    flux = cutouts()
    pair = composite_images(flux, "ugriz", CompositesSection(bands="gri", pair="urz"))
    assert pair.shape == (5, 16, 32, 3)
    for half, bands in ((pair[:, :, :16], "gri"), (pair[:, :, 16:], "urz")):
        np.testing.assert_array_equal(half, composite_images(flux, "ugriz", CompositesSection(bands=bands)))


@pytest.mark.parametrize("size", [8, 33, 56])
def test_resized_images_equal_those_of_pillow_and_halves_do_not_mix(size):
    flux = cutouts(n=2)
    pair = composite_images(flux, "ugriz", CompositesSection(bands="gri", pair="urz", size=size))
    assert pair.shape == (2, size, 2 * size, 3)
    for half, bands in ((pair[:, :, :size], "gri"), (pair[:, :, size:], "urz")):
        for ours, small in zip(half, composite_images(flux, "ugriz", CompositesSection(bands=bands)), strict=True):
            resized = Image.fromarray(small).resize((size, size), Image.Resampling.LANCZOS)
            np.testing.assert_array_equal(ours, np.asarray(resized))


@pytest.mark.parametrize("scaling", ["flux", "percentile"])
@pytest.mark.parametrize("size", [None, 24])
def test_a_row_does_not_depend_on_its_block_nor_on_the_slices(scaling, size, monkeypatch):
    monkeypatch.setattr(composite, "SLICE_PIXELS", 3 * 16**2)
    flux = cutouts(n=8)
    flux[2, 1, :5] = np.nan
    flux[3, 2] = np.nan
    section = CompositesSection(scaling=scaling, pair="urz", size=size)
    whole = composite_images(flux, "ugriz", section)
    for row in range(len(flux)):
        np.testing.assert_array_equal(whole[row : row + 1], composite_images(flux[row : row + 1], "ugriz", section))


@pytest.mark.parametrize("scaling", ["flux", "percentile"])
@pytest.mark.filterwarnings("error")
def test_a_missing_band_is_a_black_channel_and_no_data_at_all_is_black(scaling):
    flux = cutouts(n=3)
    flux[0, 3] = np.nan  # i
    flux[1] = np.nan
    flux[2, :, :4] = np.nan
    images = composite_images(flux, "ugriz", CompositesSection(bands="irg", scaling=scaling))
    assert not images[0, ..., 0].any()
    assert images[0, ..., 1].any()
    assert images[0, ..., 2].any()
    assert not images[1].any()
    assert not images[2, :4].any()
    assert images[2, 4:].any()


def test_no_objects_make_no_images():
    empty = np.empty((0, 5, 16, 16), np.float32)
    assert composite_images(empty, "ugriz", CompositesSection(size=8)).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(("recipe", "key"), [({"bands": "gri"}, "bands"), ({"bands": "grz", "pair": "urz"}, "pair")])
def test_a_band_that_the_cutouts_lack_is_refused_by_name(recipe, key):
    with pytest.raises(ConfigurationError, match=rf"composites\.{key} = .* frames\.bands"):
        composite_images(cutouts(bands=3), "grz", CompositesSection(**recipe))
