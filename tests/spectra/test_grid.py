import gzip
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.pixel_mask import mask_attributes
from survey_batch.spectra.grid import (
    BAD_IVAR,
    MASK_BITS,
    NO_DATA,
    ZERO_FLUX,
    Spectrum,
    dispersion_on_grid,
    first_pixel,
    flag,
    log_grid,
    log_linear_start,
    rebin,
    to_grid,
)
from survey_batch.spectra.pixels import at_pixels, pixel_edges
from survey_batch.surveys.lamost.files import read_spectrum

GRID = log_grid(4000, 4100)


def spectrum(start, size=60, seed=0, sampled=None):
    rng = np.random.default_rng(seed)
    flux, ivar = rng.normal(10, 3, size).astype("f4"), rng.uniform(0.5, 2, size).astype("f4")
    return Spectrum(flux, ivar, np.zeros(size, "i4"), start, sampled)


def test_the_grid_is_whole_multiples_of_a_ten_thousandth_dex():
    k = 1e4 * np.log10(log_grid(3700, 9100))
    np.testing.assert_allclose(k, np.arange(35683, 39591), rtol=0, atol=1e-8)


def test_a_range_typed_from_the_grid_itself_keeps_its_ends():
    again = log_grid(float(GRID[0]), float(GRID[-1]))
    np.testing.assert_array_equal(again, GRID)


@pytest.mark.parametrize("limits", [(9000, 4000), (0, 4000), (-1, 5), (4000.1, 4000.2), (np.nan, 4000)])
def test_a_range_without_pixels_is_refused(limits):
    with pytest.raises(ConfigurationError, match="holds no pixel"):
        log_grid(*limits)


def test_a_dispersion_is_copied_where_grids_agree_and_interpolated_where_not():
    k, width = first_pixel(GRID), np.linspace(60, 70, 60).astype("f4")
    width[7] = 0
    agreeing = replace(spectrum(k + 5.0), dispersion=width)
    other = replace(spectrum(np.nan, 2, sampled=GRID[[0, -1]]), dispersion=np.array([60, 70], "f4"))
    copied, unknown, between = dispersion_on_grid([agreeing, spectrum(float(k)), other], GRID)
    assert np.array_equal(copied[5:65], np.where(width > 0, width, np.nan), equal_nan=True)
    assert np.isnan(copied[:5]).all()
    assert np.isnan(copied[65:]).all()
    assert np.isnan(unknown).all()
    np.testing.assert_allclose(between, 60 + 10 * (GRID - GRID[0]) / (GRID[-1] - GRID[0]), rtol=1e-6)


@given(st.integers(-80, 180), st.floats(-0.019, 0.019), st.integers(2, 400))
@settings(max_examples=60, deadline=None)
def test_agreeing_grids_are_shifted_by_whole_pixels_bit_for_bit(shift, offset, size):
    given_spectrum = spectrum(first_pixel(GRID) + shift + offset, size)
    flux, ivar, mask = (values[0] for values in to_grid([given_spectrum], GRID))
    for pixel in range(GRID.size):
        source = pixel - shift
        if 0 <= source < size:
            assert flux[pixel] == given_spectrum.flux[source]
            assert ivar[pixel] == given_spectrum.ivar[source]
            assert mask[pixel] == 0
        else:
            assert np.isnan(flux[pixel])
            assert ivar[pixel] == 0
            assert mask[pixel] & NO_DATA


@given(st.floats(-60, 60), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_rebinning_conserves_flux(offset, seed):
    # Wider than the spectrum, so that nothing falls off an end.
    wide = 10 ** (1e-4 * np.arange(35900, 36300))
    given_spectrum = spectrum(36000 + 60 + offset, seed=seed)
    flux, _, _ = rebin(given_spectrum, wide)
    source = pixel_edges(given_spectrum.wavelength)
    target = pixel_edges(wide)
    inside = (target[:-1] >= source[0]) & (target[1:] <= source[-1])
    low, high = target[:-1][inside][0], target[1:][inside][-1]
    covered = np.minimum(source[1:], high) - np.maximum(source[:-1], low)
    expected = np.sum(given_spectrum.flux * np.clip(covered, 0, None))
    assert np.sum((flux * np.diff(target))[inside]) == pytest.approx(expected, rel=1e-6)


@given(st.floats(0.03, 0.97))
@settings(max_examples=20, deadline=None)
def test_a_constant_stays_constant_and_variances_average(offset):
    one = Spectrum(np.full(60, 7, "f4"), np.full(60, 4, "f4"), np.zeros(60, "i4"), first_pixel(GRID) + offset)
    flux, ivar, mask = to_grid([one], GRID)
    good = mask[0] == 0
    np.testing.assert_allclose(flux[0, good], 7, rtol=1e-6)
    # Shares a and 1 - a of two pixels of equal variance v give v (a^2 + (1 - a)^2), as pixels are of one width.
    share = offset**2 + (1 - offset) ** 2
    np.testing.assert_allclose(ivar[0, 5:50], 4 / share, rtol=1e-3)


def test_the_rebinned_error_is_the_scatter_of_many_realisations():
    rng = np.random.default_rng(3)
    size, start = 40, first_pixel(GRID) + 10.4
    ivar = rng.uniform(0.5, 2, size).astype("f4")
    draws = rng.normal(0, ivar**-0.5, (4000, size)).astype("f4") + 5
    blank = np.zeros(size, "i4")
    results = [rebin(Spectrum(draw, ivar, blank, start), GRID) for draw in draws]
    scatter = np.std([flux for flux, _, _ in results], axis=0)[12:48]
    np.testing.assert_allclose(results[0][1][12:48] ** -0.5, scatter, rtol=0.06)


def test_pixels_without_variance_take_no_part_in_rebinning_and_are_flagged():
    given_spectrum = spectrum(first_pixel(GRID) + 0.3)
    given_spectrum.flux[20], given_spectrum.ivar[20] = 1e6, 0
    flux, _, mask = to_grid([given_spectrum], GRID)
    assert np.nanmax(flux) < 100
    assert (mask[0, [20, 21]] & BAD_IVAR).all()
    assert not mask[0, 5:19].any()


def test_unusable_pixels_are_flagged_where_copied():
    given_spectrum = spectrum(first_pixel(GRID), GRID.size)
    given_spectrum.ivar[:4] = 0, -1, np.nan, np.inf
    given_spectrum.flux[4:7] = np.nan, np.inf, 0
    flux, ivar, mask = (values[0] for values in to_grid([given_spectrum], GRID))
    assert (ivar[:4] == 0).all()
    assert (mask[:4] == BAD_IVAR).all()
    np.testing.assert_array_equal(flux[:4], given_spectrum.flux[:4])
    assert np.isnan(flux[4:6]).all()
    assert mask[4:7].tolist() == [NO_DATA, NO_DATA, ZERO_FLUX]
    assert not mask[7:].any()


def test_a_linear_grid_is_rebinned_where_it_lies():
    sampled = np.linspace(4010, 4090, 300)
    line = np.exp(-0.5 * ((sampled - 4050) / 2) ** 2).astype("f4")
    given_spectrum = Spectrum(1 - line, np.ones(300, "f4"), np.zeros(300, "i4"), np.nan, sampled)
    flux, _, mask = (values[0] for values in to_grid([given_spectrum], GRID))
    assert GRID[np.nanargmin(flux)] == pytest.approx(4050, abs=0.5)
    assert (mask[(GRID < 4009) | (GRID > 4091)] & NO_DATA).all()


def test_a_spectrum_off_the_grid_has_no_data():
    for start in (30000, 30000.5, 45000, 45000.5):
        flux, ivar, mask = to_grid([spectrum(start)], GRID)
        assert np.isnan(flux).all()
        assert not ivar.any()
        assert (mask & NO_DATA).all()


@pytest.mark.bits
@given(st.lists(st.floats(-100, 150), min_size=2, max_size=6))
@settings(max_examples=20, deadline=None)
def test_a_spectrum_alone_is_what_it_is_in_a_batch(offsets):
    spectra = [spectrum(first_pixel(GRID) + offset, seed=i) for i, offset in enumerate(offsets)]
    together = to_grid(spectra, GRID)
    for i, one in enumerate(spectra):
        for alone, batch in zip(to_grid([one], GRID), together, strict=True):
            np.testing.assert_array_equal(alone[0], batch[i])


ODD = st.sampled_from([0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-30, 3e38])


@given(pixels=st.lists(st.tuples(ODD, ODD, st.sampled_from([0, 1, 65535, NO_DATA])), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_flags_are_those_of_each_reason_by_itself(pixels):
    flux, ivar, mask = (np.array(values) for values in zip(*pixels, strict=True))
    reasons = {NO_DATA: ~np.isfinite(flux), BAD_IVAR: ~((ivar > 0) & (ivar < np.inf)), ZERO_FLUX: flux == 0}
    for kind in (np.float32, np.float64):
        given_flux, given_ivar = flux.astype(kind), ivar.astype(kind)
        found = flag(given_flux, given_ivar, mask.astype(np.int32))
        assert found.dtype == np.int32
        plain = np.bitwise_or.reduce([np.where(applies, bit, 0) for bit, applies in reasons.items()])
        np.testing.assert_array_equal(found, mask | plain)
        np.testing.assert_array_equal(given_flux, flux.astype(kind))  # left as it was


def test_mask_attributes_name_every_bit_once():
    attributes = mask_attributes({"bad_pixel": 1, "no_sky": 1 << 2, **MASK_BITS})
    bits = attributes["flag_masks"]
    assert len(bits) == len(set(bits)) == len(str(attributes["flag_meanings"]).split())
    assert all(bit.bit_count() == 1 for bit in bits)


def test_every_real_file_lies_on_the_grid(real_data):
    grid = log_grid(3700, 9100)
    for path in sorted((real_data / "lamost" / "spectra").iterdir())[::6]:
        raw = path.read_bytes()
        one = read_spectrum(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        flux, _, _ = to_grid([one], grid)
        place = np.searchsorted(grid, one.wavelength - 0.2)
        inside = (one.wavelength > grid[0]) & (one.wavelength < grid[-1])
        assert np.abs(grid[place[inside]] - one.wavelength[inside]).max() < 0.05
        np.testing.assert_array_equal(flux[0, place[inside]], one.flux[inside])


def test_a_shift_beyond_the_tolerance_is_not_copied():
    given_spectrum = spectrum(first_pixel(GRID) + 0.03)
    flux, _, _ = to_grid([given_spectrum], GRID)
    assert not np.array_equal(flux[0, :60], given_spectrum.flux)


def test_rows_are_interpolated_at_any_position_and_copied_at_a_pixel_s_own():
    rows = np.random.default_rng(1).normal(size=(3, 2, 20)).astype("f4")
    rows[0, 0, 7] = np.nan
    pixel = np.array([0, 3.25, 6, 6.5, 7, 8, 18.75, 19])
    made = at_pixels(rows, pixel)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[1, 1], np.interp(pixel, np.arange(20), rows[1, 1]), rtol=1e-5)
    np.testing.assert_array_equal(made[:, :, [0, 2, 5, 7]], rows[:, :, [0, 6, 8, 19]])
    assert np.flatnonzero(np.isnan(made[0, 0])).tolist() == [3, 4]


def test_a_grid_of_steps_of_1e_4_dex_has_a_start_and_any_other_has_none():
    logarithm = 3.5682 + 1e-4 * np.arange(3909)
    assert log_linear_start(logarithm) == pytest.approx(35682)
    assert log_linear_start(logarithm.astype("f4").astype("f8")) == pytest.approx(35682, abs=1e-3)
    assert np.isnan(log_linear_start(np.log10(3700 + np.arange(3909.0))))


def test_a_flux_that_is_not_a_number_has_no_inverse_variance():
    values = np.array([1, np.nan, np.inf, 2], "f4")
    one = Spectrum(values, np.ones(4, "f4"), np.zeros(4, "i4"), float(round(1e4 * np.log10(GRID[0]))))
    flux, ivar, _ = to_grid([one], GRID)
    assert ivar[0, :4].tolist() == [1, 0, 0, 1]
    assert np.isnan(flux[0, 1:3]).all()
