import gzip
import warnings

import numpy as np
import pytest
from astropy import units as u

from survey_batch.config.job import SpectralFeaturesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.spectra.features import PORTION, feature_names, features_of, prepare, spectral_features
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS
from survey_batch.spectra.pca import PCA, Moments
from survey_batch.surveys.lamost.files import read_spectrum

GRID = log_grid(4800, 5300)
MEASURED = 2 * (len(LINES) + len(BANDS) + len(RATIOS) + 2)
METHODS = ("l2", "flux", "minmax", "robust", "continuum")


def section(**changes):
    return SpectralFeaturesSection(**{"blocks": 7, "components": 3, "smoothing_window": 5} | changes)


def batch(rows=12, grid=GRID):
    rng = np.random.default_rng(4)
    flux = (100 + 30 * np.sin(grid / 300) + rng.normal(0, 3, (rows, grid.size))).astype("f4")
    ivar = rng.uniform(0.05, 0.2, flux.shape).astype("f4")
    mask = (rng.uniform(size=flux.shape) < 0.05).astype("i4")
    return flux, ivar, mask, rng.normal(0, 1e-3, rows)


def fitted(flux, ivar, mask, chosen):
    return PCA.fit(Moments.of(prepare(flux, ivar, mask, chosen)), chosen.components)


@pytest.mark.bits
@pytest.mark.parametrize("method", METHODS)
def test_an_object_alone_has_the_features_that_it_has_in_a_batch(method):
    chosen = section(normalization=method)
    *arrays, redshift = batch()
    pca = fitted(*arrays, chosen)
    together = spectral_features(GRID, *arrays, redshift, chosen, pca)
    for rows in (slice(0, 1), slice(5, 6), slice(3, 9), slice(11, 12)):
        alone = spectral_features(GRID, *(a[rows] for a in arrays), redshift[rows], chosen, pca)
        np.testing.assert_array_equal(alone, together[rows])


def test_no_objects_have_no_features():
    chosen = section()
    *arrays, redshift = batch()
    pca = fitted(*arrays, chosen)
    none = spectral_features(GRID, *(a[:0] for a in arrays), redshift[:0], chosen, pca)
    assert none.shape == (0, len(feature_names(chosen)))


def test_order_does_not_matter():
    chosen = section()
    *arrays, redshift = batch()
    pca = fitted(*arrays, chosen)
    order = np.random.default_rng(0).permutation(len(redshift))
    shuffled = spectral_features(GRID, *(a[order] for a in arrays), redshift[order], chosen, pca)
    np.testing.assert_array_equal(shuffled, spectral_features(GRID, *arrays, redshift, chosen, pca)[order])


@pytest.mark.parametrize("blocks", [0, 1, 7])
@pytest.mark.parametrize("components", [0, 3])
def test_every_column_has_a_name(blocks, components):
    chosen = section(blocks=blocks, components=components)
    *arrays, redshift = batch()
    pca = fitted(*arrays, chosen) if components else None
    names = feature_names(chosen)
    values = spectral_features(GRID, *arrays, redshift, chosen, pca)
    assert values.shape == (12, len(names))
    assert values.dtype == np.float32
    assert len(set(names)) == len(names) == MEASURED + 4 * blocks + components


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"lines": False}, {"h_beta", "h_beta_error"}),
        ({"indices": False}, {"lick_g4300", "dn4000_error", "tio5"}),
        ({"colours": False}, {"synthetic_g_r", "synthetic_r_i_error"}),
    ],
)
@pytest.mark.bits
def test_what_is_off_is_left_out_and_the_rest_stays(changes, names):
    *arrays, redshift = batch()
    everything, fewer = section(components=0), section(components=0, **changes)
    assert names <= set(feature_names(everything))
    assert not names & set(feature_names(fewer))
    whole = dict(
        zip(feature_names(everything), spectral_features(GRID, *arrays, redshift, everything, None).T, strict=True)
    )
    part = spectral_features(GRID, *arrays, redshift, fewer, None).T
    for name, column in zip(feature_names(fewer), part, strict=True):
        np.testing.assert_array_equal(column, whole[name])


def test_a_section_with_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="there is nothing to measure"):
        SpectralFeaturesSection(lines=False, indices=False, colours=False, blocks=0, components=0)


def test_units_are_those_that_astropy_reads():
    units = {feature.name: feature.unit for feature in features_of(section())}
    assert {u.Unit(unit) for unit in units.values()} == {u.AA, u.mag, u.dimensionless_unscaled}
    assert units["h_alpha_error"] == units["lick_mg_b"] == "Angstrom"
    assert units["synthetic_g_r"] == "mag"
    assert units["tio5"] == units["component_000"] == "1"


def test_every_feature_says_what_it_is():
    described = {feature.name: feature.description for feature in features_of(section(blocks=2))}
    assert all(described.values())
    assert described["h_alpha"] == "equivalent width, positive in absorption: line at 6562.81 Angstrom in air"
    assert described["h_alpha_error"] == "standard error of h_alpha"
    assert described["dn4000"].startswith("mean flux per frequency from 4000 to 4100 over that from 3850 to 3950")
    assert described["block_001_scatter"] == "scatter of the prepared flux in block 1 of 2"


def test_more_objects_than_are_measured_at_once_are_measured_alike():
    *arrays, redshift = batch(PORTION + 3)
    chosen = section(blocks=0, components=0)
    whole = spectral_features(GRID, *arrays, redshift, chosen, None)
    last = slice(PORTION - 1, None)
    np.testing.assert_array_equal(
        whole[last], spectral_features(GRID, *(a[last] for a in arrays), redshift[last], chosen, None)
    )


def test_named_columns_hold_what_they_say():
    chosen = section(normalization="flux", smoothing_window=1)
    *arrays, redshift = batch()
    pca = fitted(*arrays, chosen)
    values = dict(zip(feature_names(chosen), spectral_features(GRID, *arrays, redshift, chosen, pca).T, strict=True))
    prepared = prepare(*arrays, chosen)
    last = prepared[:, GRID.size * 6 // 7 :]
    np.testing.assert_allclose(values["block_006_max"], last.max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(values["block_006_mean"], last.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(values["component_002"], pca.transform(prepared)[:, 2], rtol=1e-5)
    assert np.isnan(values["h_alpha"]).all()
    assert np.isfinite(values["h_beta"]).all()


@pytest.mark.parametrize("method", METHODS)
def test_prepared_spectra_hold_no_nan_but_in_rows_without_use(method):
    flux, ivar, mask, _ = batch()
    mask[3] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepared = prepare(flux, ivar, mask, section(normalization=method))
    assert np.isnan(prepared[3]).all()
    assert np.isfinite(np.delete(prepared, 3, axis=0)).all()


def test_a_row_without_use_has_no_features_and_harms_no_other():
    chosen = section()
    flux, ivar, mask, redshift = batch()
    pca = fitted(flux, ivar, mask, chosen)
    before = spectral_features(GRID, flux, ivar, mask, redshift, chosen, pca)
    flux[3] = np.nan
    after = spectral_features(GRID, flux, ivar, mask, redshift, chosen, pca)
    assert np.isnan(after[3]).all()
    np.testing.assert_array_equal(np.delete(after, 3, axis=0), np.delete(before, 3, axis=0))


def test_a_cosmic_ray_is_held_to_the_range_of_the_continuum():
    flux, ivar, mask, _ = batch()
    flux[0, 200] = 1e6
    flux[1, 200] = -1e6
    prepared = prepare(flux, ivar, mask, section(smoothing_window=1))
    assert prepared.max() == 3
    assert prepared.min() == -1


def test_components_that_do_not_fit_the_section_are_refused():
    *arrays, redshift = batch()
    pca = fitted(*arrays, section())
    for chosen, given in ((section(components=4), pca), (section(), None)):
        with pytest.raises(ConfigurationError, match="components"):
            spectral_features(GRID, *arrays, redshift, chosen, given)


@pytest.mark.bits
def test_real_spectra_alone_have_the_features_that_they_have_in_a_batch(real_data):
    grid, chosen = log_grid(3700, 9100), SpectralFeaturesSection(components=0)
    paths = sorted((real_data / "lamost" / "spectra").glob("*.gz"))[::12]
    read = [read_spectrum(gzip.decompress(path.read_bytes())) for path in paths]
    arrays, redshift = to_grid(read, grid), np.zeros(len(read))
    together = spectral_features(grid, *arrays, redshift, chosen, None)
    for i in range(len(read)):
        one = slice(i, i + 1)
        alone = spectral_features(grid, *(a[one] for a in arrays), redshift[one], chosen, None)
        np.testing.assert_array_equal(alone, together[one])
    assert np.isfinite(together[:, MEASURED:]).all()
