import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf

from survey_batch.images.photometry import aperture_flux, circle_overlap
from survey_batch.images.stamps import make_stamps, ring_background
from tests.compare import equal_bits

RING = (15.0, 25.0)
NOISE = 0.03
OFFSET = st.floats(-0.5, 0.5)


def blank(n=6, level=0.0, seed=1, size=64):
    rng = np.random.default_rng(seed)
    images = rng.normal(level, NOISE, (n, size, size)).astype("f4")
    x, y = (31.5 + rng.uniform(-0.5, 0.5, n) for _ in range(2))
    return images, x, y


def pixel_gaussian(x, y, sigma, size=64):
    """Light of round Gaussians of flux 1, integrated over pixels: (n, size, size)."""
    edges = np.arange(size + 1) - 0.5
    columns, rows = (np.diff(erf((edges - c[:, None]) / (np.sqrt(2) * sigma)), axis=1) / 2 for c in (x, y))
    return rows[:, :, None] * columns[:, None, :]


def overlap_by_integration(x, y, radius, column, row):
    """Area of one pixel in the circle, from the length of the chord at each abscissa."""

    def chord(u):
        arc = np.sqrt(max(radius**2 - (u - x) ** 2, 0.0))
        return max(min(row + 0.5, y + arc) - max(row - 0.5, y - arc), 0.0)

    corners = [row + side - y for side in (-0.5, 0.5)]
    breaks = [x + sign * np.sqrt(radius**2 - c**2) for c in corners if abs(c) < radius for sign in (-1, 1)]
    inside = [b for b in (*breaks, x - radius, x + radius) if column - 0.5 < b < column + 0.5]
    return quad(chord, column - 0.5, column + 0.5, points=inside or None, limit=200)[0]


@settings(deadline=None, max_examples=30)
@given(x=OFFSET, y=OFFSET, radius=st.floats(0.3, 6.0))
def test_overlaps_are_the_areas_found_by_integration(x, y, radius):
    share = circle_overlap(np.array([x]), np.array([y]), radius, 7)[0]
    assert share.sum() == pytest.approx(np.pi * radius**2, rel=1e-9)
    assert share.min() > -1e-9
    assert share.max() < 1 + 1e-9
    edge = np.argwhere((share > 1e-6) & (share < 1 - 1e-6))[::5]
    for row, column in edge:
        expected = overlap_by_integration(x, y, radius, column - 7, row - 7)
        assert share[row, column] == pytest.approx(expected, abs=1e-6)


def test_each_object_can_have_a_radius_of_its_own():
    x, radius = np.array([0.1, -0.4, 0.3]), np.array([1.0, 2.5, 4.0])
    together = circle_overlap(x, -x, radius, 5)
    for i in range(3):
        assert equal_bits(together[i], circle_overlap(x[i : i + 1], -x[i : i + 1], radius[i], 5)[0])


def overlap_corner_by_corner(x, y, radius, half):
    """The formula of `circle_overlap` for one circle, whose numbers are arrays of one."""

    def under_arc(u):
        return (u * np.sqrt(radius**2 - u**2) + radius**2 * np.arcsin(np.minimum(u / radius, 1))) / 2

    def to_corner(u, v):
        arc, size, other = np.sqrt(radius**2 - v**2), np.abs(u), np.abs(v)
        beyond = np.minimum(under_arc(arc), under_arc(size))
        return (other * np.minimum(arc, size) + (under_arc(size) - beyond)) * np.sign(u) * np.sign(v)

    edges = (np.arange(-half, half + 2) - 0.5).astype(x.dtype)
    u, v = (np.clip(edges - centre, -radius, radius) for centre in (x, y))
    corners = np.array([[to_corner(right, down)[0] for right in np.split(u, len(u))] for down in np.split(v, len(v))])
    return np.diff(np.diff(corners, axis=0), axis=1)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_circles_side_by_side_equal_the_formula_corner_by_corner(dtype):
    x, y, radius = np.random.default_rng(6).uniform([[-1], [-1], [0.5]], [[1], [1], [5]], (3, 9)).astype(dtype)
    x[0], y[1] = 0.5, -0.5
    for row, share in enumerate(circle_overlap(x, y, radius, 4)):
        one = slice(row, row + 1)
        np.testing.assert_array_equal(share, overlap_corner_by_corner(x[one], y[one], radius[one], 4))


def test_a_gaussian_star_loses_what_lies_outside_the_circle():
    _, x, y = blank()
    light = pixel_gaussian(x, y, 2.0)
    flux, _, coverage = aperture_flux(make_stamps(100 * light.astype("f4"), x, y, RING), 5.0)
    # Integrating over pixels, and sharing them out evenly, each widen the light by the variance of a pixel, 1/12.
    np.testing.assert_allclose(flux, 100 * (1 - np.exp(-(5.0**2) / 2 / (4 + 1 / 6))), rtol=1e-3)
    np.testing.assert_allclose(coverage, 1, rtol=1e-12)


def test_errors_are_those_of_many_blank_apertures():
    images, x, y = blank(n=800, level=0.2, seed=2)
    for radius in (3.0, 7.5):
        flux, error, _ = aperture_flux(make_stamps(images, x, y, RING), radius)
        pull = flux / error
        assert abs(pull.mean()) < 4 / np.sqrt(800)
        assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(1600))


def test_with_inverse_variances_the_photons_of_a_bright_star_are_in_the_error():
    _, x, y = blank(n=600, seed=3)
    light = 500 * pixel_gaussian(x, y, 1.5)
    variance = NOISE**2 + 0.01 * light
    images = (light + np.random.default_rng(4).normal(size=light.shape) * np.sqrt(variance)).astype("f4")
    stamps = make_stamps(images, x, y, RING, (1 / variance).astype("f4"))
    flux, error, _ = aperture_flux(stamps, 7.5)
    pull = (flux - 500) / error
    assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(1200))
    assert abs(pull.mean()) < 4 / np.sqrt(600)
    assert (error > 3 * aperture_flux(make_stamps(images, x, y, RING), 7.5)[1]).all()


def test_neighbours_in_the_ring_hardly_move_the_background():
    images, x, y = blank(n=200, level=0.5, seed=5)
    bright = (
        images + 300 * pixel_gaussian(x + 19, y, 1.5).astype("f4") + 50 * pixel_gaussian(x, y - 18, 3.0).astype("f4")
    )
    alone, beside = make_stamps(images, x, y, RING), make_stamps(bright.astype("f4"), x, y, RING)
    assert abs((alone.background - 0.5).mean()) < 4 * NOISE / np.sqrt(1250 / 1.57 * 200)
    shift = (beside.background - alone.background).mean()
    assert 0 < shift < 0.15 * NOISE
    assert beside.scatter.mean() == pytest.approx(NOISE, rel=0.08)


def test_the_scatter_is_that_of_the_noise():
    images, x, y = blank(n=200)
    assert make_stamps(images, x, y, RING).scatter.mean() == pytest.approx(NOISE, rel=0.01)


def test_a_ring_of_which_three_quarters_are_missing_gives_no_background():
    images, x, y = blank(n=2)
    images[0, :, 12:] = np.nan
    images[1, :, 32:] = np.nan
    stamps = make_stamps(images, x, y, RING)
    assert np.isnan(stamps.background).tolist() == [True, False]
    assert np.isnan(aperture_flux(stamps, 3.0)[0]).tolist() == [True, True]


def test_clipping_leaves_the_median_of_few_pixels_alone():
    windows = np.full((1, 9, 9), np.nan, "f4")
    windows[0, 0, :] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    median, scatter, count = ring_background(windows, np.zeros(1), np.zeros(1), (4.0, 5.8))
    inside = [2, 3, 4, 5, 6, 7, 8] if count[0] == 7 else [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert np.isnan(median[0]) or median[0] == np.median(inside)
    assert np.isnan(scatter[0]) == np.isnan(median[0])


def plain_ring(window, x, y, ring):
    """Clip one window's ring six times, by every pixel's distance and a count of all values each time."""
    half = len(window) // 2
    offset = np.arange(-half, half + 1)
    square = (offset - x) ** 2 + ((offset - y) ** 2)[:, None]
    pixels = np.sort(window[(square >= ring[0] ** 2) & (square < ring[1] ** 2)])
    if not pixels.size:
        return np.nan, np.nan, 0
    first, last = 0, np.isfinite(pixels).sum()
    for clipping in range(7):
        found = []
        for q in (0.158655, 0.5, 0.841345):
            rank = first + q * max(last - first - 1, 0)
            low, high = (float(pixels[min(int(rank) + step, len(pixels) - 1)]) for step in (0, 1))
            share = rank - int(rank)
            found.append(low + share * (high - low) if share > 0 else low)
        median, scatter = found[1], (found[2] - found[0]) / 2
        if clipping < 6:
            low, high = (np.float32(median + sign * 3 * scatter) for sign in (-1, 1))
            first, last = (pixels < low).sum(), (pixels <= high).sum()
    if last - first < 0.25 * np.pi * (ring[1] ** 2 - ring[0] ** 2):
        return np.nan, np.nan, last - first
    return median, scatter, last - first


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    ring=st.tuples(st.floats(1, 6), st.floats(0.2, 5)).map(lambda r: (r[0], r[0] + r[1])),
    missing=st.sampled_from([0.0, 0.3, 0.8, 1.0]),
    tail=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_the_background_is_that_of_one_ring_clipped_by_itself(seed, ring, missing, tail):
    rng = np.random.default_rng(seed)
    windows = rng.normal(0, 1, (7, 25, 25)).astype("f4")
    windows += np.where(rng.random(windows.shape) < tail, rng.exponential(9, windows.shape), 0).astype("f4")
    windows[:3] = np.round(windows[:3])
    windows[rng.random(windows.shape) < missing * rng.random((7, 1, 1))] = np.nan
    x, y = rng.uniform(-0.5, 0.5, (2, 7))
    expected = np.array([plain_ring(*one, ring) for one in zip(windows, x, y, strict=True)], float).T
    for ours, theirs in zip(ring_background(windows, x, y, ring), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_missing_pixels_are_left_out_and_too_many_of_them_give_nothing():
    images, x, y = blank(n=3)
    images += 1000 * pixel_gaussian(x, y, 1.2).astype("f4")
    images[1, 31 - 7, 31] = np.nan  # near the edge of the circle
    images[2, 31 - 7 : 31 - 2, 25:40] = np.nan
    whole = aperture_flux(make_stamps(images, x, y, RING), 7.5)
    assert np.isfinite(whole[0]).tolist() == [True, True, False]
    assert 1 - 1 / 170 < whole[2][1] < 1
    assert whole[0][1] == pytest.approx(1000, rel=1e-3)


def test_pixels_without_weight_count_as_missing():
    images, x, y = blank(n=2)
    ivar = np.full_like(images, NOISE**-2)
    ivar[1, 31, 31] = 0
    images[1, 31, 31] = 1e6
    flux, _, coverage = aperture_flux(make_stamps(images, x, y, RING, ivar), 5.0)
    assert np.abs(flux).max() < 5 * NOISE * np.sqrt(80)
    assert coverage[1] < 1


def test_a_stamp_does_not_depend_on_the_size_of_the_cutout():
    images, x, y = blank(n=3, size=64)
    around = np.random.default_rng(9).normal(size=(3, 80, 80)).astype("f4")
    around[:, 8:72, 8:72] = images
    small, large = make_stamps(images, x, y, RING), make_stamps(around, x + 8, y + 8, RING)
    assert equal_bits(small.values, large.values)
