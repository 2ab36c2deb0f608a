"""Simulated quasars: broad lines, and hydrogen in front of them."""

import numpy as np
import pytest

from survey_batch.spectra.synthetic.quasars import draw_quasar, forest
from survey_batch.spectra.synthetic.spectra import log_wavelengths
from survey_batch.spectra.synthetic.star_library import drawn_stars


def quasar(seed, redshift):
    return draw_quasar(np.random.default_rng(seed), redshift, drawn_stars())


def mean(wavelength, flux, low, high):
    return flux[slice(*np.searchsorted(wavelength, (low, high)))].mean()


def test_broad_lines_stand_out_of_the_continuum():
    for seed in range(10):
        wavelength, flux = quasar(seed, 1.5)
        assert mean(wavelength, flux, 6520, 6610) > 1.15 * mean(wavelength, flux, 6250, 6300)


def test_lines_are_broader_than_a_galaxys():
    widths = []
    for seed in range(20):
        wavelength, flux = quasar(seed, 1.5)
        near = slice(*np.searchsorted(wavelength, (6300, 6830)))
        excess = flux[near] - np.percentile(flux[near], 10)
        above = wavelength[near][excess > excess.max() / 2]
        widths.append((above[-1] - above[0]) / 6564.6 * 299792)
    assert np.median(widths) > 1000
    assert np.std(widths) > 500


@pytest.mark.parametrize(("redshift", "effective"), [(2.5, 0.22), (3.5, 0.51)])
def test_hydrogen_absorbs_as_much_as_it_should(redshift, effective):
    passed = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rest = log_wavelengths(1050, 1250)
        passed.append(forest(rest, redshift, rng)[slice(*np.searchsorted(rest, (1080, 1160)))].mean())
    assert -np.log(np.mean(passed)) == pytest.approx(effective, rel=0.15)


def test_the_host_galaxy_is_seen_only_nearby():
    shared = [np.corrcoef(np.log(quasar(seed, 0.2)[1]), np.log(quasar(seed, 2.0)[1]))[0, 1] for seed in range(3)]
    assert all(value < 1 for value in shared)
    assert not np.allclose(quasar(0, 0.2)[1][-1000:], quasar(0, 2.0)[1][-1000:])


@pytest.mark.parametrize("redshift", [0.03, 0.7, 2.2, 4.0])
def test_flux_is_finite_and_nowhere_negative(redshift):
    for seed in range(5):
        wavelength, flux = quasar(seed, redshift)
        assert np.isfinite(flux).all()
        assert (flux >= 0).all()
        assert wavelength[0] * (1 + redshift) <= 3700
        assert wavelength[-1] * (1 + redshift) >= 9100
