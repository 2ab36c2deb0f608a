"""Templates of simulated spectra."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.spectra.synthetic import spectra


def equivalent_width(subtype, line):
    """Equivalent width within 40 Angstrom against the flux outside."""
    wavelength, flux = spectra.star(subtype)
    offset = np.abs(wavelength - line)
    continuum = np.median(flux[(offset > 40) & (offset < 70)])
    return np.trapezoid(1 - flux[offset < 40] / continuum, wavelength[offset < 40])


def depth(subtype, line, width=6.0, side=60.0):
    """Depth of a line against the median on both sides."""
    wavelength, flux = spectra.star(subtype)
    offset = np.abs(wavelength - line)
    return 1 - flux[offset < width].min() / np.median(flux[(offset > width) & (offset < side)])


def test_hydrogen_is_strongest_in_a_stars():
    widths = {subtype: equivalent_width(subtype, 4862.7) for subtype in (0, 10, 20)}
    assert 10 < widths[0] < 20
    assert widths[0] > widths[10] > widths[20]


def test_calcium_triplet_and_sodium_grow_towards_cool_stars():
    assert depth(2, 8544.44) < depth(15, 8544.44) < depth(25, 8544.44)
    assert depth(15, 5891.58) < depth(25, 5891.58) < depth(37, 5891.58)


def test_only_m_stars_have_titanium_oxide():
    def jump(subtype):
        wavelength, flux = spectra.star(subtype)
        before = (wavelength > 7000) & (wavelength < 7040)
        behind = (wavelength > 7070) & (wavelength < 7130)
        return flux[behind].mean() / flux[before].mean()

    assert jump(35) > 0.95
    assert jump(43) < 0.75


def test_hot_stars_are_blue():
    def ratio(subtype):
        wavelength, flux = spectra.star(subtype)
        return flux[wavelength < 4800].mean() / flux[wavelength > 7500].mean()

    assert np.all(np.diff([ratio(subtype) for subtype in (0, 10, 20, 30, 40)]) < 0)


@given(st.integers(0, 48))
def test_temperature_falls_with_subtype(subtype):
    assert spectra.temperature(subtype + 1) < spectra.temperature(subtype)


def test_redshift_moves_a_line():
    wavelength = 10 ** (3.5682 + 1e-4 * np.arange(3909))
    rest = spectra.log_wavelengths(2200, 9500)
    template = rest, 1 + spectra.emission(rest, [(6564.6, 5.0, 5e-4)])
    peak = wavelength[np.argmax(spectra.observe(template, wavelength, 0.2))]
    assert peak == pytest.approx(6564.6 * 1.2, rel=1e-4)


@given(st.floats(0.5, 20), st.floats(3e-4, 5e-3))
def test_an_emission_line_has_the_flux_of_a_gaussian(height, width):
    wavelength = spectra.log_wavelengths(4500, 5500)
    flux = np.trapezoid(spectra.emission(wavelength, [(5000.0, height, width)]), wavelength)
    assert flux == pytest.approx(height * width * 5000 * np.sqrt(2 * np.pi), rel=1e-3)


def test_resolution_is_that_of_lamost():
    impulse = np.zeros(401)
    impulse[200] = 1
    kernel = spectra.gaussian_filter1d(impulse, spectra.LSF_SIGMA)
    above = np.flatnonzero(kernel > kernel.max() / 2)
    width = (above[-1] - above[0] + 1) * spectra.STEP * np.log(10)
    assert 1 / width == pytest.approx(1800, rel=0.1)


def test_dust_reddens():
    transmission = spectra.reddening(np.array([4000.0, 8000.0]), 0.3)
    assert 0 < transmission[0] < transmission[1] < 1
