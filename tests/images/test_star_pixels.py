import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.images.star_pixels import change_view, ring_statistics, scaled_pixels
from tests.images.star_field import moffat

SIZE = 31
GRID = np.arange(SIZE, dtype=float) - SIZE // 2


def cutouts(number, seed=1):
    random = np.random.default_rng(seed)
    flux = 10 ** random.uniform(2.5, 4, (number, 1, 1))
    return (flux * moffat(GRID[None, :], GRID[:, None], 3.0) + random.normal(size=(number, SIZE, SIZE))).astype("f4")


@settings(max_examples=20, deadline=None)
@given(number=st.integers(1, 12), row=st.integers(0, 11), gaps=st.booleans())
def test_each_cutout_is_scaled_by_itself(number, row, gaps):
    row %= number
    flux = cutouts(number)
    if gaps:
        flux[::2, :, :9] = np.nan
    together = scaled_pixels(flux)
    np.testing.assert_array_equal(scaled_pixels(flux[row : row + 1])[0], together[row])
    assert np.isfinite(together).all()


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), level=st.floats(-100, 100))
def test_exposure_time_and_sky_level_change_nothing(scale, level):
    flux = cutouts(4)
    other = ((flux.astype("f8") + level) * scale).astype("f4")
    np.testing.assert_allclose(scaled_pixels(other), scaled_pixels(flux), atol=2e-3)


def test_the_peak_is_one_and_the_sky_zero():
    profile = scaled_pixels(cutouts(6))[..., 0]
    np.testing.assert_allclose(profile[:, 13:18, 13:18].max(axis=(1, 2)), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.median(profile[:, 0], axis=1), 0.0, atol=0.05)


def test_what_is_missing_is_marked_and_all_missing_is_finite():
    flux = cutouts(2)
    flux[0, :5], flux[1] = np.nan, np.nan
    scaled = scaled_pixels(flux)
    assert scaled[0, :5, :, 2].all()
    assert not scaled[0, 5:, :, 2].any()
    assert not scaled[1, ..., :2].any()
    assert np.isfinite(scaled).all()


def test_sky_and_noise_are_those_of_the_ring():
    sky, noise = ring_statistics(cutouts(50) + np.float32(30))
    np.testing.assert_allclose(sky, 30, atol=0.3)
    np.testing.assert_allclose(noise.mean(), 1.0, atol=0.05)


def test_without_zoom_and_shift_views_are_turned_and_mirrored_alone():
    values = np.random.default_rng(1).normal(size=(40, SIZE, SIZE, 2)).astype("f4")
    seen = change_view(values, np.random.default_rng(2), zoom=0.0, shift=0.0)
    np.testing.assert_allclose(np.sort(seen.reshape(40, -1)), np.sort(values.reshape(40, -1)), atol=1e-5)
    assert len({tuple(np.argsort(one[..., 0].ravel())[:3]) for one in change_view(
        np.repeat(values[:1], 64, axis=0), np.random.default_rng(3), zoom=0.0, shift=0.0)}) == 8  # fmt: skip


def test_a_zoomed_star_stays_in_the_middle_and_changes_its_size():
    star = np.repeat(moffat(GRID[None, :], GRID[:, None], 4.0)[None, ..., None], 64, axis=0).astype("f4")
    seen = change_view(star, np.random.default_rng(1), zoom=0.4, shift=0.0)[..., 0]
    share = seen.sum(axis=(1, 2)) / star[0].sum()
    assert share.min() < 0.6
    assert share.max() > 1.6
    np.testing.assert_array_equal(seen.reshape(64, -1).argmax(axis=1), SIZE * SIZE // 2)
