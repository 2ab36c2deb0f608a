"""Features of spectra are what the plain way gives, to the last bit."""

import gzip

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from survey_batch.models.helium import MEASURED
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.lines import band_indices, line_indices, needed_pixels
from survey_batch.spectra.normalize import normalize
from survey_batch.spectra.photometry import synthetic_colors
from survey_batch.spectra.ratios import flux_ratios
from survey_batch.spectra.windows import CleanSpectra
from survey_batch.surveys.lamost.files import read_spectrum
from tests.spectra import plain_features as plain

pytestmark = pytest.mark.bits

KERNELS = {
    plain.lines: line_indices,
    plain.bands: band_indices,
    plain.ratios: flux_ratios,
    plain.colours: synthetic_colors,
}


def spectra(seed, bad, rows=5, grid=None):
    rng = np.random.default_rng(seed)
    grid = log_grid(3700, 9100) if grid is None else grid
    flux = (rng.uniform(2, 50) * (1 + 0.3 * np.sin(grid / 200)) + rng.normal(0, 3, (rows, grid.size))).astype("f4")
    ivar = np.where(rng.random(flux.shape) < bad / 3, 0, rng.uniform(0.01, 1, flux.shape)).astype("f4")
    flux[rng.random(flux.shape) < bad / 3] = np.nan
    return grid, flux, ivar, (rng.random(flux.shape) < bad / 3).astype("i4")


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.8), st.floats(-0.99, 3), st.floats(0, 0.5))
@settings(max_examples=25, deadline=None)
def test_measurements_of_any_spectra_are_those_of_the_plain_way(seed, bad, redshift, scatter):
    *arrays, rows = *spectra(seed, bad), 5
    shifts = redshift + scatter * np.random.default_rng(seed).random(rows)
    for kernel, fast in KERNELS.items():
        for one, other in zip(kernel(*arrays, shifts), fast(CleanSpectra.of(*arrays, shifts)), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("edge", np.linspace(3800, 9000, 7))
def test_measurements_at_the_ends_of_the_grid_are_those_of_the_plain_way(edge):
    for grid in (log_grid(edge, 9100), log_grid(3700, edge)):
        arrays = spectra(int(edge), 0.05, grid=grid)
        for kernel, fast in KERNELS.items():
            for one, other in zip(kernel(*arrays, np.zeros(5)), fast(CleanSpectra.of(*arrays)), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("unit", [1.0, 1e-30])
def test_measurements_in_float64_keep_its_digits_and_its_range(unit):
    """1e-30 is a flux per frequency in SI units, whose inverse variance is beyond float32."""
    grid, flux, ivar, mask = spectra(7, 0.1)
    arrays = grid, flux.astype("f8") * (unit * (1 + 1e-9)), ivar.astype("f8") / unit**2, mask
    for kernel, fast in KERNELS.items():
        for one, other in zip(kernel(*arrays, np.zeros(5)), fast(CleanSpectra.of(*arrays)), strict=True):
            np.testing.assert_array_equal(one, other)
            assert np.isfinite(one).any()


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
@settings(max_examples=25, deadline=None)
def test_flux_over_the_continuum_is_that_of_the_plain_way(seed, bad):
    _, *arrays = spectra(seed, bad, rows=20)
    np.testing.assert_array_equal(normalize(*arrays, "continuum"), plain.over_continuum(*arrays))


def test_flux_over_the_continuum_of_real_spectra_is_that_of_the_plain_way(real_data):
    """Real lines and bands move points in and out of the fit for different numbers of rounds."""
    files = sorted((real_data / "lamost" / "spectra").glob("*.fits*"))[:60]
    raw = [file.read_bytes() for file in files]
    read = [read_spectrum(gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one) for one in raw]
    arrays = to_grid(read, log_grid(3700, 9100))
    np.testing.assert_array_equal(normalize(*arrays, "continuum"), plain.over_continuum(*arrays))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.8), st.floats(3300, 7000), st.floats(4000, 9900))
@settings(max_examples=25, deadline=None)
def test_lines_on_the_pixels_that_they_need_are_those_on_all_pixels(seed, bad, first, last):
    grid = log_grid(first, max(last, first * 1.05))
    _, *arrays = spectra(seed, bad, grid=grid)
    needed = needed_pixels(grid, MEASURED)
    assume(needed.stop - needed.start > 1)
    few = CleanSpectra.of(grid[needed], *(values[:, needed] for values in arrays))
    for one, other in zip(
        line_indices(CleanSpectra.of(grid, *arrays), MEASURED), line_indices(few, MEASURED), strict=True
    ):
        np.testing.assert_array_equal(one, other)
