import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.optics.diffraction import OVERSAMPLING, Optics, bin_pixels, zernike_modes
from tests.stamp_files import SMALL, WAVELENGTHS, made_up_seds

PUBLISHED_NM = (570.92, 615.31, 658.16, 702.55, 745.41, 789.80, 834.18, 877.04)
PUBLISHED_SIZES = (746, 804, 860, 918, 974, 1032, 1090, 1146)


def wavefront(stars, seed=1, size=0.02):
    return size * np.random.default_rng(seed).standard_normal((stars, len(SMALL.zernikes)))


def test_wavelengths_are_those_of_the_published_generator():
    np.testing.assert_allclose(Optics().wavelengths, PUBLISHED_NM, atol=0.005)
    np.testing.assert_array_equal(Optics().transform_sizes, PUBLISHED_SIZES)


def test_there_are_45_orthonormal_zernike_modes_up_to_order_8():
    modes = zernike_modes(8, 256)
    disc = np.hypot(*np.meshgrid(*[np.linspace(-1, 1, 256)] * 2)) <= 1
    gram = modes[:, disc] @ modes[:, disc].T / disc.sum()
    assert len(modes) == 45
    np.testing.assert_allclose(gram, np.eye(45), atol=0.015)  # a disc of square samples


def test_planes_are_those_of_the_whole_fourier_transform():
    coefficients = wavefront(1)
    planes = SMALL.planes(coefficients)[0]
    path = np.einsum("z,zyx->yx", coefficients[0], SMALL.zernikes.astype(np.float64))
    for number, (size, wavelength) in enumerate(zip(SMALL.transform_sizes, SMALL.wavelengths, strict=True)):
        field = np.zeros((size, size), np.complex128)
        field[:64, :64] = SMALL.pupil * np.exp(2e3j * np.pi * path / wavelength)
        image = np.abs(np.fft.fftshift(np.fft.fft2(field))) ** 2
        middle = image[size // 2 - 48 : size // 2 + 48, size // 2 - 48 : size // 2 + 48]
        np.testing.assert_allclose(planes[number, 9:-9, 9:-9], middle / middle.sum(), atol=2e-7)


def test_stamps_have_unit_sum_and_their_peak_in_the_middle():
    stamps = SMALL.stamps(SMALL.planes(np.zeros((1, len(SMALL.zernikes)))))
    np.testing.assert_allclose(stamps.sum(axis=(2, 3)), 1, rtol=1e-5)
    assert stamps.shape == (1, SMALL.bins, 32, 32)
    assert all(np.unravel_index(one.argmax(), one.shape) == (16, 16) for one in stamps[0])


def test_a_longer_wavelength_makes_a_wider_image():
    peaks = SMALL.stamps(SMALL.planes(np.zeros((1, len(SMALL.zernikes))))).max(axis=(2, 3))[0]
    assert (np.diff(peaks) < 0).all()


@pytest.mark.parametrize(("mode", "axis"), [(1, 0), (2, 1)])
def test_a_tilt_moves_the_image_by_whole_pixels_exactly(mode, axis):
    still = wavefront(1)
    tilted = still.copy()
    tilted[:, mode] += SMALL.tilt_per_pixel
    moved = np.roll(SMALL.planes(still)[0], OVERSAMPLING, axis=axis + 1)
    inside = (slice(None), slice(9, -9), slice(9, -9))
    np.testing.assert_allclose(SMALL.planes(tilted)[0][inside], moved[inside], atol=2e-3 * moved.max())


def test_a_star_alone_and_among_others_is_the_same_to_the_last_bit():
    coefficients = wavefront(70)
    planes = SMALL.planes(coefficients)
    for star in (0, 33, 69):
        np.testing.assert_array_equal(SMALL.planes(coefficients[star : star + 1]), planes[star : star + 1])


def test_bin_weights_sum_to_one_and_follow_the_spectrum():
    weights = SMALL.bin_weights(made_up_seds(), WAVELENGTHS)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert (np.diff(weights @ SMALL.wavelengths) > 0).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2**31))
def test_binning_keeps_the_sum(factor, pixels, seed):
    image = np.random.default_rng(seed).random((2, factor * pixels, factor * pixels))
    binned = bin_pixels(image, factor)
    assert binned.shape == (2, pixels, pixels)
    np.testing.assert_allclose(binned.sum(axis=(1, 2)), image.sum(axis=(1, 2)))
