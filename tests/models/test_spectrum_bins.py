"""Inputs from bins of spectra: fast, and equal to the last bit to what the plain steps give."""

import numpy as np
import pytest

from survey_batch.models import spectrum_bins
from survey_batch.models.preprocessing import relative_bins
from survey_batch.models.spectral_convolution import STEPS, _channels
from survey_batch.models.spectral_type import continuum_of
from survey_batch.models.spectrum_bins import GoodPixels, bin_sums
from survey_batch.models.spectrum_inputs import flux_channels
from tests.models import plain_inputs


def spectra(rows, pixels, seed=1):
    """Spectra of all kinds: clean, noisy, negative, with gaps in the middle and at either end, and without anything."""
    random = np.random.default_rng(seed)
    scale = 10 ** random.uniform(-2, 4, (rows, 1))
    noise = 10 ** random.uniform(-2, 2, (rows, 1))
    flux = (scale * (1 + noise * random.normal(size=(rows, pixels)))).astype(np.float32)
    ivar = np.broadcast_to((scale * noise) ** -2, flux.shape).astype(np.float32)
    ivar = ivar * random.uniform(0.5, 2, flux.shape).astype(np.float32)
    mask = (random.random(flux.shape) < random.choice([0, 0.02, 0.7], (rows, 1))).astype(np.int32)
    start, stop = np.sort(random.integers(0, pixels, (2, rows)), axis=0)
    for row in range(0, rows, 3):
        mask[row, [slice(start[row]), slice(start[row], stop[row]), slice(stop[row], None)][row // 3 % 3]] = 4
    flux[::5, ::7], ivar[1::5, ::11], ivar[2::5, 5] = np.nan, 0, np.nan
    flux[3::9] *= -1
    mask[rows // 2] = 1
    return flux, ivar, mask


@pytest.mark.bits
@pytest.mark.parametrize("bin_pixels", [1, 3, 4, 16])
@pytest.mark.parametrize("rows", [1, 70])
def test_both_kinds_of_input_equal_the_plain_ones(bin_pixels, rows):
    block = spectra(rows, 40 * bin_pixels + bin_pixels // 2, seed=bin_pixels)
    np.testing.assert_array_equal(relative_bins(*block, bin_pixels), plain_inputs.relative_bins(*block, bin_pixels))
    np.testing.assert_array_equal(flux_channels(*block, bin_pixels), plain_inputs.flux_channels(*block, bin_pixels))


@pytest.mark.parametrize("bin_pixels", [4, 16])
def test_no_spectra_give_no_input(bin_pixels):
    none = [np.empty((0, 320), kind) for kind in ("f4", "f4", "i4")]
    assert relative_bins(*none, bin_pixels).shape[:2] == (0, 320 // bin_pixels)
    assert flux_channels(*none, bin_pixels).shape == (0, 320 // bin_pixels, 2)


@pytest.mark.bits
def test_the_channels_of_the_convolution_are_those_of_both_kinds():
    block = spectra(80, 3909)
    relative = plain_inputs.relative_bins(*block, 4, *continuum_of(STEPS))
    trust = plain_inputs.flux_channels(*block, 4)[..., 1:]
    np.testing.assert_array_equal(_channels(*block, STEPS), np.concatenate([relative, trust], axis=-1))


@pytest.mark.bits
@pytest.mark.parametrize("width", [1, 2, 3, 4, 7, 8, 16])
def test_bins_are_summed_in_numpys_order(width):
    values = np.random.default_rng(width).normal(size=(3, 50 * width)) * 10.0 ** np.arange(50 * width)[::-1].clip(0, 9)
    np.testing.assert_array_equal(bin_sums(values, width), values.reshape(3, 50, width).sum(axis=2))


def test_no_row_is_an_input_of_no_row():
    block = spectra(4, 100)
    assert relative_bins(*(values[:0] for values in block), 4).shape == (0, 25, 2)


def test_rows_are_taken_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(spectrum_bins, "ROWS_AT_ONCE", 3)
    seen = []

    @spectrum_bins.few_rows_at_a_time
    def compute(flux, ivar, mask, *, add):
        seen.append(len(flux))
        return flux + add

    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    np.testing.assert_array_equal(compute(values, values, values, add=1), values + 1)
    assert seen == [3, 3, 1]


def test_pixels_that_fill_no_bin_are_left_out():
    flux = np.array([[1, 3, 5, 7, 100]], np.float32)
    pixels = GoodPixels.of(flux, np.ones_like(flux), np.array([[0, 0, 1, 0, 0]], np.int32), 2)
    np.testing.assert_array_equal(pixels.mean(), [[2, 7]])
    np.testing.assert_array_equal(pixels.count, [[2, 1]])
