"""Grids of any step: how it is found, what is copied onto them, and what is measured on them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.config.sections.spectra import SpectralFeaturesSection, SpectraSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.preflight.differences import WHERE_ABSENT
from survey_batch.spectra.features import feature_names, spectral_features
from survey_batch.spectra.grid import (
    BAD_IVAR,
    NO_DATA,
    STEP,
    Spectrum,
    dispersion_on_grid,
    first_pixel,
    log_grid,
    step_of,
    to_grid,
)
from survey_batch.spectra.pixels import pixel_edges
from survey_batch.spectra.synthetic.spectra import star

FINE = 1e-5
GRID = log_grid(5000, 5050, FINE)


def spectrum(pixels, seed=0):
    """A spectrum whose pixels are at places of the fine grid, counted from its first one."""
    rng = np.random.default_rng(seed)
    size = len(pixels)
    flux, ivar = rng.normal(10, 3, size).astype("f4"), rng.uniform(0.5, 2, size).astype("f4")
    wavelength = 10 ** (FINE * (first_pixel(GRID) + np.asarray(pixels, float)))
    return Spectrum(flux, ivar, np.zeros(size, "i4"), np.nan, wavelength)


@given(st.integers(1, 9999), st.integers(-6, -3), st.floats(1500, 9000), st.floats(1.001, 1.2))
@settings(deadline=None)
def test_a_grid_s_step_is_found_in_its_wavelengths(digits, exponent, low, width):
    step = float(f"{digits}e{exponent - len(str(digits)) + 1}")
    try:
        grid = log_grid(low, low * width, step)
    except ConfigurationError:
        return
    assert step_of(grid) == step or grid.size == 1
    assert abs(first_pixel(grid) - np.log10(grid[0]) / step) < 1e-5
    assert step_of(grid[:1]) == STEP


def test_the_default_grid_s_step_is_the_default_also_in_single_precision():
    assert SpectraSection().step == WHERE_ABSENT["spectra.step"] == STEP
    assert np.array_equal(log_grid(3699.9, 9100), log_grid(3699.9, 9100, STEP))
    assert step_of(log_grid(3699.9, 9100).astype("f4").astype("f8")) == STEP
    assert step_of(np.array([0.0, 1.0])) == STEP
    assert step_of(np.array([5000.0, 4000.0])) == STEP


def test_one_pixel_of_another_step_is_refused():
    assert log_grid(5000, 5001).size == 1
    with pytest.raises(ConfigurationError, match=r"holds one pixel, and a step of 1e-05 dex needs two"):
        log_grid(5000.06, 5000.18, 1e-5)


@given(st.integers(-500, 500), st.floats(-0.019, 0.019), st.integers(2, 900))
@settings(max_examples=40, deadline=None)
def test_wavelengths_with_the_grid_s_step_are_copied_bit_for_bit(shift, offset, size):
    given_spectrum = replace(spectrum(shift + offset + np.arange(size)), dispersion=np.arange(1, size + 1, dtype="f4"))
    flux, ivar, mask = (values[0] for values in to_grid([given_spectrum], GRID))
    dispersion = dispersion_on_grid([given_spectrum], GRID)[0]
    at = shift + np.arange(size)
    inside = (at >= 0) & (at < GRID.size)
    assert np.array_equal(flux[at[inside]], given_spectrum.flux[inside])
    assert np.array_equal(ivar[at[inside]], given_spectrum.ivar[inside])
    assert np.array_equal(dispersion[at[inside]], given_spectrum.dispersion[inside])
    assert not mask[at[inside]].any()
    others = np.setdiff1d(np.arange(GRID.size), at)
    assert np.isnan(flux[others]).all()
    assert (mask[others] == NO_DATA | BAD_IVAR).all()


@pytest.mark.parametrize("shift", [0.015, 0.5], ids=["copied", "rebinned"])
def test_nothing_is_put_into_a_gap_between_two_pixels_without_a_value(shift):
    pixels = np.concatenate([np.arange(20, 60), np.arange(140, 190)])
    given_spectrum = spectrum(pixels + shift)
    given_spectrum.flux[39:41] = np.nan
    flux, _, mask = (values[0] for values in to_grid([given_spectrum], GRID))
    assert np.isnan(flux[61:140]).all()
    assert (mask[61:140] & NO_DATA).all()
    copied = np.array_equal(flux[20:59], given_spectrum.flux[:39])
    assert copied == (shift < 0.5)
    assert np.isfinite(flux[21:59]).all()
    assert np.isfinite(flux[142:189]).all()


@pytest.mark.parametrize("pixels", [np.arange(0, 200, 2), np.arange(100) + 0.03, np.arange(0, 100, 0.5)])
def test_other_wavelengths_are_rebinned_and_flux_is_conserved(pixels):
    given_spectrum = spectrum(pixels)
    whole = log_grid(4990, 5060, FINE)
    flux, *_ = (values[0] for values in to_grid([given_spectrum], whole))
    theirs = np.sum(given_spectrum.flux * np.diff(pixel_edges(given_spectrum.wavelength)))
    ours = np.nansum(flux * np.diff(pixel_edges(whole)))
    assert ours == pytest.approx(theirs, rel=0.02)
    assert not np.isin(flux[np.isfinite(flux)][1:-1], given_spectrum.flux).any() or len(pixels) == 100


OPTIONS = SpectralFeaturesSection(components=0, blocks=0)
LIMITS = (3700.0, 9100.0)


def measured(step, section=OPTIONS, smooth=True):
    """Features of two stars, whose lines are as wide as LAMOST's, on a grid of some step."""
    grid = log_grid(*LIMITS, step)
    fine, template = star(25)
    flux = np.array([np.interp(grid * stretch, fine, template) for stretch in (1.0, 1 / 1.0003)], "f4")
    redshift = np.array([0.0, 0.0003])
    arrays = flux, np.full_like(flux, 1e12), np.zeros(flux.shape, "i4")
    return dict(zip(feature_names(section), spectral_features(grid, *arrays, redshift, section, None).T, strict=True))


@pytest.mark.parametrize("step", [2e-5, 5e-5, 2e-4])
def test_lines_bands_ratios_and_colours_are_those_of_the_default_grid(step):
    expected, found = measured(STEP), measured(step)
    names = [name for name in expected if not name.endswith("_error") and np.isfinite(expected[name]).all()]
    assert len(names) > 20
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=0.02, atol=0.06, err_msg=name)


def test_the_continuum_is_fitted_to_points_of_the_same_width():
    section = SpectralFeaturesSection(lines=False, indices=False, colours=False, components=0, blocks=20)
    expected, found = measured(STEP, section), measured(2e-5, section)
    for name in [name for name in expected if name.endswith("mean")][1:]:  # the first holds the end of the fit
        np.testing.assert_allclose(found[name], expected[name], atol=5e-3, err_msg=name)
