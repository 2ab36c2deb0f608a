import numpy as np
import pytest

from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.photometry import PASSBANDS, synthetic_colors
from survey_batch.spectra.windows import CleanSpectra

GRID = log_grid(3700, 9100)


def measure(flux, ivar=1.0, mask=0, grid=GRID):
    flux = np.atleast_2d(flux).astype("f4")
    bits = np.broadcast_to(mask, flux.shape).astype("i4")
    return synthetic_colors(CleanSpectra.of(grid, flux, np.full_like(flux, ivar), bits))


def test_flat_flux_per_frequency_has_no_colour_at_any_brightness():
    for level in (1e-3, 1.0, 1e4):
        values, _ = measure(level * (5000 / GRID) ** 2, ivar=1e4 / level**2)
        np.testing.assert_allclose(values, 0, atol=1e-5)


def test_flat_flux_per_wavelength_has_the_colour_that_integrals_give():
    def mean(low, high):  # photons: the integral of f lambda over that of 1 / lambda
        return (high**2 - low**2) / 2 / np.log(high / low)

    g, r, i = (mean(*PASSBANDS[band]) for band in "gri")
    expected = -2.5 * np.log10([g / r, r / i])
    np.testing.assert_allclose(measure(np.full(GRID.size, 10.0))[0][0], expected, atol=1e-3)


def test_red_spectra_have_red_colours():
    values, _ = measure(np.array([(GRID / 5000) ** power for power in (-4, -2, 0, 2)]), ivar=1e6)
    assert (np.diff(values, axis=0) > 0.3).all()


def test_errors_are_the_scatter_of_many_realisations():
    rng = np.random.default_rng(3)
    values, errors = measure(10 + rng.normal(0, 2, (1500, GRID.size)), ivar=0.25)
    np.testing.assert_allclose(values.std(axis=0), errors.mean(axis=0), rtol=0.08)


def test_a_few_bad_pixels_do_not_matter_and_too_many_give_nan():
    flux = np.full((2, GRID.size), 10.0)
    mask = np.zeros(flux.shape, "i4")
    mask[0, ::10] = 1
    mask[1, (GRID > 5550) & (GRID < 5900)] = 1
    flux[mask != 0] = 1e7
    values, errors = measure(flux, mask=mask)
    np.testing.assert_allclose(values[0], measure(np.full(GRID.size, 10.0))[0][0], atol=1e-3)
    assert np.isnan(values[1]).all()
    assert np.isnan(errors[1]).all()


def test_a_colour_off_the_grid_is_nan_and_the_other_is_not():
    short = log_grid(3700, 7200)
    values, _ = measure(np.full(short.size, 10.0), grid=short)
    np.testing.assert_array_equal(np.isnan(values[0]), [False, True])


def test_what_is_not_detected_has_no_colour():
    noise = np.random.default_rng(0).normal(0, 1, GRID.size)
    assert np.isnan(measure(noise * 0)[0]).all()
    assert np.isnan(measure(noise - 5)[0]).all()


@pytest.mark.parametrize("row", range(4))
def test_colours_of_an_object_do_not_depend_on_the_others(row):
    flux = np.random.default_rng(1).uniform(50, 100, (4, GRID.size))
    together, alone = measure(flux), measure(flux[row])
    for all_rows, one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(all_rows[row : row + 1], one)
