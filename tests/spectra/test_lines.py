import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.lines import FWHM, LINES, air_to_vacuum, line_indices

GRID = log_grid(3700, 9100)
SIGMA = FWHM / 2.3548 * 1e-4 * np.log(10)


def spectrum(widths, redshift=0.0, level=100.0, slope=0.0):
    """Flux with unresolved lines of given equivalent widths [Angstrom, rest frame]."""
    flux = level * (1 + slope * (GRID / 6000 - 1))
    for line, width in zip(LINES, widths, strict=True):
        offset = np.log(GRID / (line.wavelength * (1 + redshift)))
        profile = np.exp(-0.5 * (offset / SIGMA) ** 2) / (SIGMA * np.sqrt(2 * np.pi) * line.wavelength)
        flux = flux * (1 - width * profile)
    return flux.astype("f4")


def measure(flux, redshift=0.0, ivar=1.0, mask=0):
    flux = np.atleast_2d(flux)
    rows = np.broadcast_to(np.asarray(redshift, float), len(flux))
    return line_indices(GRID, flux, np.full_like(flux, ivar), np.full(flux.shape, mask, "i4"), rows)


@pytest.mark.parametrize(
    ("air", "vacuum"), [(4861.325, 4862.683), (4958.911, 4960.295), (5006.843, 5008.240), (6562.80, 6564.61)]
)
def test_vacuum_wavelengths_are_those_of_the_sdss_line_list(air, vacuum):
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=0.01)


WIDTHS = st.lists(st.floats(-3, 1.5), min_size=6, max_size=6)


@given(WIDTHS, st.floats(-0.002, 0.12), st.floats(-0.3, 0.3))
@settings(max_examples=60, deadline=None)
def test_equivalent_widths_are_recovered_at_any_redshift(widths, redshift, slope):
    values, _ = measure(spectrum(widths, redshift, slope=slope), redshift)
    np.testing.assert_allclose(values[0], widths, atol=0.03)


def test_brightness_does_not_matter():
    widths = [1, -2, 0.5, 1, 0, 1.2]
    faint, bright = (measure(spectrum(widths, level=level), ivar=1e8 / level)[0] for level in (1.0, 1e4))
    np.testing.assert_allclose(faint, bright, atol=1e-4)


def test_errors_are_the_scatter_of_many_realisations():
    rng = np.random.default_rng(5)
    flux = spectrum([1, -2, 0.5, 1, 0, 1.2])
    values, errors = measure(flux + rng.normal(0, 2, (1500, flux.size)).astype("f4"), ivar=0.25)
    np.testing.assert_allclose(values.std(axis=0), errors.mean(axis=0), rtol=0.08)


@pytest.mark.parametrize("redshift", [np.nan, np.inf, -9999.0, -1.0])
def test_an_unusable_redshift_counts_as_zero(redshift):
    flux = spectrum([1] * 6)
    np.testing.assert_array_equal(measure(flux, redshift), measure(flux, 0.0))


def test_each_object_has_its_own_redshift():
    shifts = np.array([0.0, 0.01, 0.05])
    flux = np.array([spectrum([1] * 6, shift) for shift in shifts])
    together = measure(flux, shifts)
    for i, shift in enumerate(shifts):
        np.testing.assert_array_equal(np.array(measure(flux[i], shift))[:, 0], np.array(together)[:, i])
    np.testing.assert_allclose(together[0], 1, atol=0.03)


def test_lines_off_the_grid_are_nan():
    values, errors = measure(spectrum([1] * 6), 0.6)
    np.testing.assert_array_equal(np.isnan(values[0]), [line.wavelength * 1.6 > 9000 for line in LINES])
    np.testing.assert_array_equal(np.isnan(values), np.isnan(errors))


def test_a_few_bad_pixels_do_not_matter_and_too_many_give_nan():
    flux = spectrum([0] * 6)
    centre = int(np.abs(GRID - LINES[0].wavelength).argmin())
    mask = np.zeros((2, flux.size), "i4")
    mask[0, centre + 2] = 1
    mask[1, centre - 2 : centre + 3] = 1
    hit = np.array([flux, flux])
    hit[mask != 0] = 1e7
    values, _ = line_indices(GRID, hit, np.ones_like(hit), mask, np.zeros(2))
    assert values[0, 0] == pytest.approx(0, abs=1e-3)
    assert np.isnan(values[1, 0])
    assert np.isfinite(values[:, 1:]).all()


def test_no_width_is_given_over_a_continuum_that_is_not_detected():
    noise = np.random.default_rng(0).normal(0, 1, GRID.size).astype("f4")
    assert np.isnan(measure(np.zeros_like(noise), ivar=1.0)[0]).all()
    assert np.isnan(measure(noise - 5, ivar=1.0)[0]).all()
