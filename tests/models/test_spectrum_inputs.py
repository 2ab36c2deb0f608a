"""What the galaxy-quasar-star classifiers see of a spectrum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.models import spectrum_bins, spectrum_inputs
from survey_batch.spectra.grid import log_grid
from tests.spectra import plain_features

GRID = log_grid(3699.9, 9100.0)
BIN = 4


def block(rows=6, seed=1, noise=0.05):
    """Sloped spectra of different brightness with a line; some pixels are bad."""
    random = np.random.default_rng(seed)
    x = np.linspace(-0.5, 0.5, GRID.size)
    shape = 1 + 0.6 * random.normal(size=(rows, 1)) * x + 0.5 * np.exp(-0.5 * ((x - 0.1) / 0.002) ** 2)
    scale = 10 ** random.uniform(0, 4, (rows, 1))
    flux = (scale * (shape + noise * random.normal(size=shape.shape))).astype(np.float32)
    ivar = np.broadcast_to(1 / (noise * scale) ** 2, flux.shape).astype(np.float32)
    mask = (random.random(flux.shape) < 0.02).astype(np.int32)
    flux[mask != 0] = np.nan
    return flux, ivar, mask


def redshifts(rows=6):
    return np.linspace(-0.001, 0.4, rows).astype(np.float32)


KERNELS = {
    "channels": lambda flux, ivar, mask, z: spectrum_inputs.flux_channels(flux, ivar, mask, BIN),  # noqa: ARG005
    "lines": lambda flux, ivar, mask, z: spectrum_inputs.rest_line_channels(GRID, flux, ivar, mask, z),
    "published": lambda flux, ivar, mask, z: spectrum_inputs.published_flux(GRID, flux, ivar, mask),  # noqa: ARG005
}


@pytest.mark.bits
@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_a_row_depends_on_itself_alone_to_the_last_bit(kernel, monkeypatch):
    monkeypatch.setattr(spectrum_bins, "ROWS_AT_ONCE", 4)
    values = (*block(), redshifts())
    together = kernel(*values)
    for row in range(6):
        alone = kernel(*(part[row : row + 1] for part in values))
        np.testing.assert_array_equal(alone, together[row : row + 1])


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@given(factor=st.floats(1e-3, 1e3))
@settings(max_examples=8, deadline=None)
def test_brightness_changes_nothing(kernel, factor):
    flux, ivar, mask = block(2)
    changed = (flux * factor).astype(np.float32), (ivar / factor**2).astype(np.float32), mask
    np.testing.assert_allclose(
        kernel(*changed, redshifts(2)), kernel(flux, ivar, mask, redshifts(2)), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
def test_what_is_masked_has_no_influence(kernel):
    flux, ivar, mask = block(3)
    mask[:, 1000:1040] = 1
    wild = flux.copy()
    wild[:, 1000:1040] = 1e9
    np.testing.assert_array_equal(kernel(wild, ivar, mask, redshifts(3)), kernel(flux, ivar, mask, redshifts(3)))


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("fill", [0.0, -5.0, np.nan])
def test_rows_without_signal_are_finite(kernel, fill):
    flux, ivar, mask = block(2)
    flux[0] = fill
    assert np.isfinite(kernel(flux, ivar, mask, redshifts(2))).all()
    assert np.isfinite(kernel(flux, ivar, np.ones_like(mask), redshifts(2))).all()


def test_bins_without_good_pixels_are_blank_in_both_channels():
    flux, ivar, mask = block(1)
    mask[:, 400:480] = 1
    channels = spectrum_inputs.flux_channels(flux, ivar, mask, BIN)
    assert (channels[0, 100:120] == 0).all()
    assert (channels[0, :100, 1] > 0.5).all()


def test_noise_is_small_in_the_flux_channel_and_shows_in_the_error_channel():
    quiet, loud = (spectrum_inputs.flux_channels(*block(4, noise=noise), BIN) for noise in (0.01, 20.0))
    assert loud[..., 0].std() < 0.5, "s / (1 + s^2) is at most 1/2"
    assert loud[..., 1].mean() < 0.4 < 0.9 < quiet[..., 1].mean()


def test_channels_give_flux_and_error_back():
    random = np.random.default_rng(2)
    flux, error = random.uniform(0, 3, (3, 50)), 10 ** random.uniform(-3, 1, (3, 50))
    flux[0, 3] = np.nan
    back = spectrum_inputs.flux_and_error(spectrum_inputs.with_error(flux, error))
    known = np.isfinite(flux)
    np.testing.assert_allclose(back[0][known], flux[known], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(back[1][known], error[known], rtol=1e-3)
    assert np.isnan(back[0][0, 3])


@given(wanted=st.floats(2, 15))
@settings(max_examples=6, deadline=None)
def test_added_noise_brings_the_signal_to_noise_that_was_asked_for(wanted):
    channels = spectrum_inputs.flux_channels(*block(8, noise=0.02), BIN)
    random = np.random.default_rng(3)
    flux, error = spectrum_inputs.flux_and_error(spectrum_inputs.noisier(channels, (wanted, wanted), BIN, random))
    snr = np.nanmedian(1 / error, axis=1) / np.sqrt(BIN)
    np.testing.assert_allclose(snr, wanted, rtol=0.02)
    before, _ = spectrum_inputs.flux_and_error(channels)
    assert np.nanstd((flux - before) / error) == pytest.approx(1, abs=0.15)


def test_no_noise_is_added_to_what_is_noisier_already():
    channels = spectrum_inputs.flux_channels(*block(4, noise=0.5), BIN)
    same = spectrum_inputs.noisier(channels, (50.0, 60.0), BIN, np.random.default_rng(1))
    np.testing.assert_allclose(same, channels, atol=1e-5)


def test_another_calibration_keeps_the_signal_to_noise():
    channels = spectrum_inputs.flux_channels(*block(4, noise=0.02), BIN)
    changed = spectrum_inputs.tilted(channels, 0.3, 0.1, np.random.default_rng(1))
    (flux, error), (before, error_before) = (spectrum_inputs.flux_and_error(one) for one in (changed, channels))
    assert not np.allclose(flux, before, atol=0.02, equal_nan=True)
    np.testing.assert_allclose(flux / error, before / error_before, rtol=0.02)


def with_line(redshift, strength=2.0):
    flux = np.ones((1, GRID.size), np.float32)
    place = np.log(GRID / (6564.6 * (1 + redshift))) / 5e-4
    flux[0] += strength * np.exp(-0.5 * place**2)
    return flux, np.full_like(flux, 400.0), np.zeros(flux.shape, np.int32)


@pytest.mark.parametrize("redshift", [0.0, 0.1, 0.35])
def test_a_line_is_found_in_the_rest_frame_of_its_redshift(redshift):
    lines = spectrum_inputs.rest_line_channels(GRID, *with_line(redshift), np.array([redshift]))[0]
    names = list(spectrum_inputs.REST_LINES)
    assert lines[names.index("H alpha"), 0] > 0.5
    assert np.abs(np.delete(lines[: len(names), 0], [names.index("H alpha"), names.index("[N II]")])).max() < 0.1


@pytest.mark.parametrize("redshift", [np.nan, -9999.0])
def test_without_a_redshift_no_line_is_measured(redshift):
    lines = spectrum_inputs.rest_line_channels(GRID, *with_line(0.1), np.array([redshift]))
    assert (lines == 0).all()


@pytest.mark.bits
@given(st.integers(0, 2**32 - 1), st.floats(-0.5, 6))
@settings(max_examples=10, deadline=None)
def test_strengths_of_lines_are_those_of_the_plain_way(seed, redshift):
    flux, ivar, mask = block(seed=seed)
    shifts = redshift + 0.01 * redshifts(len(flux))
    expected = []
    for spans in (spectrum_inputs.LINE_SPANS, spectrum_inputs.BROAD_SPANS):
        centres = np.array(list(spectrum_inputs.REST_LINES.values()))
        x, good, values, variance, _ = plain_features.around(GRID, flux, ivar, mask, shifts, centres, spans)
        expected.append([plain_features.mean(x, good, values, variance, span)[:2] for span in spans])
    value = []
    for (line, line_variance), (blue, blue_variance), (red, red_variance) in expected:
        excess, noise = line - (blue + red) / 2, line_variance + (blue_variance + red_variance) / 4
        with np.errstate(invalid="ignore", divide="ignore"):
            weight = excess**2 / (excess**2 + spectrum_inputs.SIGNIFICANCE**2 * noise)
            value.append((weight * excess / np.maximum((blue + red) / 2, np.sqrt(noise)))[..., 0])
    strength = np.clip(np.concatenate(value, axis=1), *spectrum_inputs.CONTRAST_RANGE)
    found = spectrum_inputs.rest_line_channels(GRID, flux, ivar, mask, shifts)
    known = np.isfinite(strength) & (np.isfinite(shifts) & (shifts > -1))[:, None]
    np.testing.assert_array_equal(found[..., 0], np.where(known, strength, 0).astype("f4"))
    np.testing.assert_array_equal(found[..., 1], known)


def test_the_linear_grid_keeps_a_straight_spectrum():
    flux = (GRID[None] / 6000).astype(np.float32)
    linear = spectrum_inputs.on_linear_grid(GRID, flux)
    np.testing.assert_allclose(linear[0], spectrum_inputs.PUBLISHED_GRID / 6000, rtol=1e-6)


def test_smoothing_does_not_shift_a_line():
    flux, ivar, mask = with_line(0.0, strength=5.0)
    smoothed = spectrum_inputs.published_flux(GRID, flux, ivar, mask)[0]
    excess = smoothed - np.median(smoothed)
    near = np.abs(spectrum_inputs.PUBLISHED_GRID - 6564.6) < 30
    centre = np.sum(excess[near] * spectrum_inputs.PUBLISHED_GRID[near]) / excess[near].sum()
    assert centre == pytest.approx(6564.6, abs=0.15)


def test_a_grid_that_is_too_short_is_refused():
    short = log_grid(4000.0, 9100.0)
    with pytest.raises(ConfigurationError, match="wavelength_min"):
        spectrum_inputs.on_linear_grid(short, np.ones((1, short.size), np.float32))


def test_copies_have_noise_of_the_stated_strength():
    flux, ivar, mask = with_line(0.1)
    copy = spectrum_inputs.noise_copies({"flux": flux, "ivar": ivar, "mask": mask}, 50.0, 1)
    assert np.std(copy["flux"] - flux) == pytest.approx(np.mean(np.abs(flux)) / 50, rel=0.05)
    assert copy["ivar"] is ivar
