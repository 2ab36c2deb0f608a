import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.models.psf_fit import fit_classes, mixture, moved, shift_matrices
from survey_batch.optics.diffraction import OVERSAMPLING
from tests.stamp_files import SMALL, WAVELENGTHS, made_up_seds

WEIGHTS = SMALL.bin_weights(made_up_seds(), WAVELENGTHS)
MODES = len(SMALL.zernikes)


def coefficients(stars, seed=1):
    return 0.02 * np.random.default_rng(seed).standard_normal((stars, MODES))


def observed(stars, offset, flux=1.0, sigma=0.0, seed=1):
    """Stamps that were diffracted with a tilt, so that they owe nothing to the interpolation under test."""
    rng = np.random.default_rng(seed)
    wavefront, number = coefficients(stars, seed), rng.integers(0, len(WEIGHTS), stars)
    shift = np.broadcast_to(offset, (stars, 2))
    tilted = wavefront.copy()
    tilted[:, 1:3] += SMALL.tilt_per_pixel * shift[:, ::-1]
    stamps = flux * mixture_of(SMALL.stamps(SMALL.planes(tilted)), number)
    noise = max(sigma, 1e-4) * flux
    data = stamps + sigma * flux * rng.standard_normal(stamps.shape)
    ivar = np.full(stamps.shape, noise**-2)
    return data.astype(np.float32), ivar.astype(np.float32), SMALL.planes(wavefront), number


def mixture_of(stamps, number):
    return np.einsum("sb,sbyx->syx", WEIGHTS[number], stamps)


def test_planes_move_as_a_tilt_of_the_wavefront_moves_them():
    shift = np.array([[0.1, -0.25], [0.4, 0.3], [-0.5, 0.5]])
    wavefront = coefficients(3)
    tilted = wavefront.copy()
    tilted[:, 1:3] += SMALL.tilt_per_pixel * shift[:, ::-1]
    expected = SMALL.stamps(SMALL.planes(tilted))
    found, _, _ = moved(SMALL.planes(wavefront), shift, OVERSAMPLING)
    assert np.abs(found - expected).max() < 1e-3 * expected.max()


def test_slopes_are_the_derivatives_of_the_shift():
    planes, shift, step = SMALL.planes(coefficients(2)), np.array([[0.2, -0.1], [0.0, 0.3]]), 0.01
    _, by_x, by_y = moved(planes, shift, OVERSAMPLING)
    for slope, along in ((by_x, [step, 0]), (by_y, [0, step])):
        ahead, behind = (moved(planes, shift + sign * np.array(along), OVERSAMPLING)[0] for sign in (1, -1))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), atol=2e-3 * np.abs(slope).max())


@settings(max_examples=20, deadline=None)
@given(st.floats(-0.9, 0.9))
def test_a_row_of_ones_stays_one_wherever_it_is_moved(shift):
    matrix, slope = shift_matrices(np.array([shift]), 114, OVERSAMPLING)
    np.testing.assert_allclose(matrix.sum(axis=2), OVERSAMPLING, rtol=1e-3)
    np.testing.assert_allclose(slope.sum(axis=2), 0, atol=1e-2)


def test_flux_and_centre_are_found_and_the_true_class_is_the_best():
    offset, flux = (0.17, -0.22), 1234.5
    data, ivar, planes, number = observed(24, offset, flux)
    found = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING)
    rows = np.arange(24)
    assert (found.chi_square.argmin(axis=1) == number).all()
    np.testing.assert_allclose(found.flux[rows, number], flux, rtol=2e-3)
    np.testing.assert_allclose(found.centre[rows, number], np.broadcast_to(offset, (24, 2)), atol=2e-3)


def test_the_true_class_leaves_the_noise_alone():
    data, ivar, planes, number = observed(40, (0.1, 0.05), 3.0, sigma=2e-3)
    found = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING)
    left = found.chi_square[np.arange(40), number].mean()
    free = data[0].size - 3
    assert abs(left - free) < 5 * np.sqrt(2 * free / 40)


@pytest.mark.parametrize("fitted", [(False, False), (True, False), (False, True), (True, True)])
def test_chi_square_is_that_of_the_fitted_model(fitted):
    data, ivar, planes, true = observed(5, (0.0, 0.0), sigma=1e-3)
    found = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING, fit_flux=fitted[0], fit_centre=fitted[1])
    for star, number in enumerate(true):
        mixed = mixture(planes[star : star + 1], WEIGHTS[number])
        model = found.flux[star, number] * moved(mixed, found.centre[star : star + 1, number], OVERSAMPLING)[0][0]
        expected = ((data[star] - model) ** 2 * ivar[star]).sum()
        np.testing.assert_allclose(found.chi_square[star, number], expected, rtol=1e-3)


def test_where_nothing_is_fitted_flux_and_centre_stay():
    data, ivar, planes, _ = observed(3, (0.2, 0.2), 2.0)
    found = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING, fit_flux=False, fit_centre=False)
    assert (found.flux == 1).all()
    assert not found.centre.any()


def test_more_freedom_never_fits_worse():
    data, ivar, planes, _ = observed(8, (0.02, 0.01), 1.01, sigma=2e-3)
    free = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING).chi_square
    bound = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING, fit_flux=False, fit_centre=False).chi_square
    assert (free <= bound + 1e-6 * bound).all()


def test_a_pixel_without_ivar_or_flux_counts_for_nothing():
    data, ivar, planes, _ = observed(3, (0.1, 0.0), sigma=1e-3)
    left_out = ivar.copy()
    left_out[:, 10:12, 14:18] = 0
    spoilt, unknown = data.copy(), data.copy()
    spoilt[:, 10:12, 14:18], unknown[:, 10:12, 14:18] = 1e6, np.nan
    for one in (spoilt, unknown):
        np.testing.assert_array_equal(
            fit_classes(one, left_out, planes, WEIGHTS, OVERSAMPLING).chi_square,
            fit_classes(data, left_out, planes, WEIGHTS, OVERSAMPLING).chi_square,
        )


@pytest.mark.bits
def test_a_star_alone_and_among_others_is_the_same_to_the_last_bit():
    data, ivar, planes, _ = observed(9, (0.1, 0.2), 5.0, sigma=2e-3)
    whole = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING)
    for star in (0, 4, 8):
        row = slice(star, star + 1)
        alone = fit_classes(data[row], ivar[row], planes[row], WEIGHTS, OVERSAMPLING)
        for name in ("chi_square", "flux", "centre"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(whole, name)[row])


def test_an_empty_stamp_has_no_answer_and_stops_nobody():
    data, ivar, planes, _ = observed(2, (0.0, 0.0), sigma=1e-3)
    ivar[0] = 0
    found = fit_classes(data, ivar, planes, WEIGHTS, OVERSAMPLING)
    assert np.isfinite(found.chi_square).all()


def test_a_negative_ivar_leaves_its_pixel_out():
    data, ivar, planes, _ = observed(3, (0.1, 0.0), sigma=1e-3)
    zero, negative = ivar.copy(), ivar.copy()
    zero[:, 16, 16], negative[:, 16, 16] = 0, -ivar[:, 16, 16]
    np.testing.assert_array_equal(
        fit_classes(data, negative, planes, WEIGHTS, OVERSAMPLING).chi_square,
        fit_classes(data, zero, planes, WEIGHTS, OVERSAMPLING).chi_square,
    )
