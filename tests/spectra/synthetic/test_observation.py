"""An observed spectrum has the noise, the dead pixels and the masks that it says."""

import numpy as np
import pytest

from survey_batch.spectra.synthetic.observation import BAD_PIXEL, DARK_END, SNR_WINDOWS, observe_spectrum

WAVELENGTH = 10 ** (3.5682 + 1e-4 * np.arange(3909))


def observed(seed=1, snr=50.0, flux=1.0, **options):
    return observe_spectrum(WAVELENGTH, np.full(WAVELENGTH.size, flux), snr, np.random.default_rng(seed), **options)


def test_a_generator_of_one_seed_gives_one_observation():
    first, again, other = observed(1), observed(1), observed(2)
    assert np.array_equal(first.flux, again.flux)
    assert first.snr == again.snr
    assert not np.array_equal(first.flux, other.flux)


@pytest.mark.parametrize("snr", [10.0, 80.0])
def test_the_signal_to_noise_in_r_is_near_the_one_asked_for_and_that_of_the_pixels(snr):
    for seed in range(5):
        seen = observed(seed, snr)
        assert set(seen.snr) == set("ugriz")
        assert seen.snr["r"] == pytest.approx(snr, rel=0.1, abs=1)
        low, high = SNR_WINDOWS["r"]
        inside = (low <= seen.wavelength) & (seen.wavelength < high) & (seen.ivar > 0)
        assert np.median((seen.flux * np.sqrt(seen.ivar))[inside]) == pytest.approx(seen.snr["r"], rel=0.1, abs=0.5)


def test_the_scatter_is_the_inverse_root_of_the_inverse_variance():
    seen = observed(3)
    # Second differences take the smooth flux out and have six times the variance of independent pixels.
    inside = slice(500, -DARK_END)
    scatter = np.convolve(seen.flux[inside], [1, -2, 1], "valid") / np.sqrt(6) * np.sqrt(seen.ivar[inside][1:-1])
    spread = 1.4826 * np.median(np.abs(scatter))  # cosmic rays and the edges of the sky's bands do not count
    assert spread == pytest.approx(1, abs=0.08)


def test_a_pixel_bad_in_every_exposure_is_bad_in_one_and_has_no_inverse_variance():
    seen = [observed(seed) for seed in range(30)]
    assert any(one.and_mask.any() for one in seen)
    assert any(one.or_mask.any() and not one.and_mask.any() for one in seen)
    for one in seen:
        assert set(np.unique(one.or_mask)) <= {0, BAD_PIXEL}
        assert (one.or_mask[one.and_mask != 0] == BAD_PIXEL).all()
        assert np.array_equal(one.ivar == 0, one.and_mask != 0)
        assert (one.flux[-DARK_END:] == 0).all()


def test_old_releases_have_dead_pixels_most_of_them_blue():
    dead = np.mean([observed(seed, dead_share=0.05).ivar == 0 for seed in range(40)], axis=0)
    middle = (WAVELENGTH > 6000) & (WAVELENGTH < 7000)  # no range that old releases lack lies here
    blue = WAVELENGTH < 3900
    assert 0 < dead[middle].mean() < 0.05 < dead[blue].mean()


def test_the_continuum_is_smooth_and_lies_at_the_median_of_the_flux():
    seen = observed(4)
    inside = slice(300, -DARK_END)
    assert np.median((seen.flux / seen.continuum)[inside]) == pytest.approx(1, abs=0.1)
    change = np.abs(np.diff(seen.continuum, 2)) / np.abs(seen.continuum[1:-1])
    assert change.max() < 1e-3


def test_a_source_brighter_by_any_factor_has_the_same_signal_to_noise():
    faint, bright = observed(5, flux=1.0), observed(5, flux=1e6)
    assert bright.snr == faint.snr
    np.testing.assert_allclose(bright.flux, 1e6 * faint.flux, rtol=1e-9)
