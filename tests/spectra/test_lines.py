import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.line_list import BANDS, LINES, Line, air_to_vacuum
from survey_batch.spectra.lines import FWHM, band_indices, line_indices
from survey_batch.spectra.windows import CleanSpectra

GRID = log_grid(3700, 9100)
SIGMA = FWHM / 2.3548 * 1e-4 * np.log(10)
APART = LINES[:6]
"""Lines whose windows hold no other line of these."""


def spectrum(widths, redshift=0.0, level=100.0, slope=0.0, lines=APART):
    """Flux with unresolved lines of given equivalent widths [Angstrom, rest frame]."""
    flux = level * (1 + slope * (GRID / 6000 - 1))
    for line, width in zip(lines, widths, strict=True):
        offset = np.log(GRID / (line.wavelength * (1 + redshift)))
        profile = np.exp(-0.5 * (offset / SIGMA) ** 2) / (SIGMA * np.sqrt(2 * np.pi) * line.wavelength)
        flux = flux * (1 - width * profile)
    return flux.astype("f4")


def measure(flux, redshift=0.0, ivar=1.0, mask=0, kernel=line_indices):
    flux = np.atleast_2d(flux)
    rows = np.broadcast_to(np.asarray(redshift, float), len(flux))
    return kernel(CleanSpectra.of(GRID, flux, np.full_like(flux, ivar), np.full(flux.shape, mask, "i4"), rows))


WIDTHS = st.lists(st.floats(-3, 1.5), min_size=6, max_size=6)


@given(WIDTHS, st.floats(-0.002, 0.12), st.floats(-0.3, 0.3))
@settings(max_examples=60, deadline=None)
def test_equivalent_widths_are_recovered_at_any_redshift(widths, redshift, slope):
    values, _ = measure(spectrum(widths, redshift, slope=slope), redshift)
    np.testing.assert_allclose(values[0, : len(APART)], widths, atol=0.03)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_each_line_is_recovered_where_it_is_alone(line):
    values, _ = measure(spectrum([1.0], 0.01, lines=[line]), 0.01)
    assert values[0, LINES.index(line)] == pytest.approx(1, abs=0.03)


def test_calcium_h_holds_hydrogen_epsilon_and_calcium_k_does_not():
    flux = spectrum([1.0], lines=[Line("h_epsilon", 3970.07)])
    found = dict(zip((line.name for line in LINES), measure(flux)[0][0], strict=True))
    assert found["ca_h"] > 0.8
    assert abs(found["ca_k"]) < 0.02


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


@pytest.mark.bits
def test_each_object_has_its_own_redshift():
    shifts = np.array([0.0, 0.01, 0.05])
    flux = np.array([spectrum([1] * 6, shift) for shift in shifts])
    together = measure(flux, shifts)
    for i, shift in enumerate(shifts):
        np.testing.assert_array_equal(np.array(measure(flux[i], shift))[:, 0], np.array(together)[:, i])
    np.testing.assert_allclose(together[0][:, : len(APART)], 1, atol=0.03)


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
    values, _ = line_indices(CleanSpectra.of(GRID, hit, np.ones_like(hit), mask))
    assert values[0, 0] == pytest.approx(0, abs=1e-3)
    assert np.isnan(values[1, 0])
    assert np.isfinite(values[:, 1:]).all()


def test_no_width_is_given_over_a_continuum_that_is_not_detected():
    noise = np.random.default_rng(0).normal(0, 1, GRID.size).astype("f4")
    assert np.isnan(measure(np.zeros_like(noise), ivar=1.0)[0]).all()
    assert np.isnan(measure(noise - 5, ivar=1.0)[0]).all()


@pytest.mark.parametrize("band", BANDS, ids=lambda band: band.name)
@pytest.mark.parametrize("redshift", [0.0, 0.0317])
def test_a_band_that_absorbs_a_share_of_a_sloping_continuum_has_that_share_of_its_width(band, redshift):
    low, high = air_to_vacuum(np.array(band.feature))
    inside = (GRID / (1 + redshift) > low) & (GRID / (1 + redshift) < high)
    between = (band.blue[1] <= band.feature[0]) and (band.feature[1] <= band.red[0])
    flux = 100 * (1 + 0.2 * (GRID / band.feature[0] - 1)) * np.where(inside, 0.7, 1)
    values, _ = measure(flux.astype("f4"), redshift, kernel=band_indices)
    # One pixel at each edge is cut by it; where windows overlap, the absorption lowers the continuum too.
    expected, edge = 0.3 * (high - low), 0.3 * high * 1e-4 * np.log(10)
    found = values[0, BANDS.index(band)]
    assert found == pytest.approx(expected, abs=edge + 0.01 * expected) if between else 0 < found < expected


def test_errors_of_bands_are_the_scatter_of_many_realisations():
    rng = np.random.default_rng(5)
    flux = np.full((1500, GRID.size), 100.0) + rng.normal(0, 2, (1500, GRID.size))
    values, errors = measure(flux.astype("f4"), ivar=0.25, kernel=band_indices)
    np.testing.assert_allclose(values.std(axis=0), errors.mean(axis=0), rtol=0.12)


@pytest.mark.bits
def test_bands_of_an_object_do_not_depend_on_the_others():
    rng = np.random.default_rng(1)
    flux = rng.uniform(50, 100, (5, GRID.size)).astype("f4")
    shifts = rng.uniform(-0.001, 0.3, 5)
    together = np.array(measure(flux, shifts, kernel=band_indices))
    for i in range(5):
        np.testing.assert_array_equal(np.array(measure(flux[i], shifts[i], kernel=band_indices))[:, 0], together[:, i])
