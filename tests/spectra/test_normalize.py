import csv
import gzip
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.normalize import LONG_ROW, continuum, normalize, row_percentiles
from survey_batch.surveys.lamost.files import read_spectrum

METHODS = ("l2", "flux", "minmax", "robust", "continuum")
COUNT = 1200


def spectra(rows=4, seed=0):
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, COUNT)
    flux = (50 + 20 * x + rng.normal(0, 1, (rows, COUNT))).astype("f4")
    ivar = rng.uniform(0.5, 1.5, (rows, COUNT)).astype("f4")
    mask = (rng.uniform(size=(rows, COUNT)) < 0.05).astype("i4")
    return flux, ivar, mask


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(-20, 20))
@settings(max_examples=15, deadline=None)
def test_brightness_does_not_matter(method, power):
    flux, ivar, mask = spectra()
    # A power of two, so that scaling is exact and so must the result be.
    factor = np.float32(2.0**power)
    plain, scaled = normalize(flux, ivar, mask, method), normalize(flux * factor, ivar / factor**2, mask, method)
    np.testing.assert_allclose(plain, scaled, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bad_pixels_are_ignored_and_come_back_as_nan(method):
    flux, ivar, mask = spectra()
    wild = flux.copy()
    wild[mask != 0] = 1e9
    normal = normalize(flux, ivar, mask, method)
    np.testing.assert_array_equal(normal, normalize(wild, ivar, mask, method))
    assert np.isnan(normal[mask != 0]).all()


@pytest.mark.parametrize("method", METHODS)
def test_rows_without_use_are_nan_without_warnings(method):
    flux, ivar, mask = spectra(6)
    mask[0] = 1
    ivar[1] = 0
    flux[2] = np.nan
    flux[3] = -5
    flux[4] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        normal = normalize(flux, ivar, mask, method)
    assert np.isnan(normal[:3]).all()
    assert np.isnan(normal[4]).all()
    assert np.isfinite(normal[5][mask[5] == 0]).all()


def test_levels_are_those_of_the_methods():
    flux, ivar, mask = spectra()
    result = {method: normalize(flux, ivar, mask, method) for method in METHODS}
    np.testing.assert_allclose(np.sqrt(np.nansum(result["l2"] ** 2, axis=1)), 1, rtol=1e-4)
    np.testing.assert_allclose(np.nanmean(result["flux"], axis=1), 1, rtol=1e-4)
    assert np.nanmin(result["minmax"]) == 0
    assert np.nanmax(result["minmax"]) == 1
    np.testing.assert_allclose(np.nanmedian(result["robust"], axis=1), 0, atol=0.01)
    np.testing.assert_allclose(np.nanmedian(result["continuum"], axis=1), 1, atol=0.02)


@pytest.mark.parametrize("method", ["robust", "continuum"])
def test_a_cosmic_ray_does_not_set_the_scale(method):
    flux, ivar, mask = spectra()
    hit = flux.copy()
    hit[:, 600:603] = 1e6
    clean, struck = normalize(flux, ivar, mask, method), normalize(hit, ivar, mask, method)
    away = np.r_[0:600, 603:COUNT]
    np.testing.assert_allclose(struck[:, away], clean[:, away], atol=0.02)


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigurationError, match="normalization"):
        normalize(*spectra(), "energy")


@given(st.floats(-10, 10), st.floats(-0.3, 0.3), st.floats(0.02, 0.25), st.sampled_from([0, 0.05]))
@settings(max_examples=40, deadline=None)
def test_the_continuum_stays_above_an_absorption_band(curvature, centre, half_width, noise):
    x = np.linspace(-1, 1, COUNT)
    true = 50 + 20 * x + curvature * x**2
    band = np.where(np.abs(x - centre) < half_width, 0.6, 1.0)
    observed = true * band * (1 + noise * np.random.default_rng(0).normal(size=COUNT))
    np.testing.assert_allclose(continuum(observed[None])[0], true, rtol=0.04)


def test_the_continuum_does_not_run_away_where_an_end_has_no_data():
    x = np.linspace(-1, 1, COUNT)
    values = (50 + 20 * x + np.random.default_rng(1).normal(0, 2, COUNT))[None]
    values[:, :350] = np.nan
    fitted = continuum(values)
    assert fitted.min() > 10
    assert fitted.max() < 90


@given(st.integers(1, 60), st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_row_percentiles_are_values_of_the_row(seed, percentage):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(3, 41))
    values[rng.uniform(size=values.shape) < 0.3] = np.nan
    (found,) = row_percentiles(values, percentage)
    expected = [np.nanpercentile(row, percentage, method="nearest") for row in values]
    # Halves between two neighbours may be rounded either way.
    for row, one, other in zip(values, found[:, 0], expected, strict=True):
        ordered = np.sort(row[np.isfinite(row)])
        assert abs(np.searchsorted(ordered, one) - np.searchsorted(ordered, other)) <= 1


@pytest.mark.bits
@pytest.mark.parametrize("decimals", [1, 16], ids=["many equal values", "all different"])
def test_percentiles_of_long_rows_are_those_of_the_sorted_row(decimals):
    random = np.random.default_rng(decimals)
    values = np.round(random.normal(size=(8, 2 * LONG_ROW)), decimals)
    values[1] = 1 + 1e-9 * values[1]  # equal in float32
    values[2:4, :100], values[4] = np.nan, np.nan
    values[5] *= 1e300
    found = row_percentiles(values, 0, 16, 50, 84, 100)
    last = np.isfinite(values).sum(axis=1, keepdims=True) - 1
    for percentage, one in zip((0, 16, 50, 84, 100), found, strict=True):
        index = np.maximum(np.rint(last * percentage / 100), 0).astype(int)
        np.testing.assert_array_equal(one, np.take_along_axis(np.sort(values, axis=1), index, axis=1))


def test_titanium_oxide_bands_of_real_m_stars_survive(real_data):
    with (real_data / "lamost" / "catalog.csv").open() as file:
        rows = [row for row in csv.DictReader(file, delimiter="|") if row["class"] == "STAR"]
    grid, level = log_grid(3700, 9100), {}
    band = (grid > 7060) & (grid < 7140)
    for kind in "MF":
        names = [row["filename"] for row in rows if row["subclass"].lstrip("dgs").startswith(kind)][:20]
        raw = [(real_data / "lamost" / "spectra" / name).read_bytes() for name in names]
        read = [read_spectrum(gzip.decompress(file) if file[:2] == b"\x1f\x8b" else file) for file in raw]
        normal = normalize(*to_grid(read, grid), "continuum")
        level[kind] = np.nanmedian(normal[:, band], axis=1)
    assert np.median(level["M"]) < 0.85
    assert np.median(level["F"]) == pytest.approx(1, abs=0.02)
