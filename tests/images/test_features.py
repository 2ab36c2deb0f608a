import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.feature_names import feature_names
from survey_batch.images.features import FREE_WIDTH_VARIANCE, asinh_magnitude, check_size, image_features
from survey_batch.images.photometry import aperture_flux
from survey_batch.images.shape import (
    FWHM,
    SMALLEST_SIGNAL,
    TYPICAL_FWHM,
    adaptive_moments,
    half_light_radius,
    point_source_flux,
)
from survey_batch.images.stamps import make_stamps
from tests.compare import equal_bits
from tests.images.simulated import simulated_cutouts

SECTION = ImageFeaturesSection()


@pytest.fixture(scope="module")
def block():
    """Objects from bright to invisible in three bands; some without a band, with missing pixels, beside a neighbour."""
    parts = [simulated_cutouts(magnitude, radius=radius) for magnitude, radius in ((17, 0.0), (21, 3.0), (25, 0.0))]
    flux, x, y = (np.concatenate([part[i][:30] for part in parts], axis=1) for i in range(3))
    flux[3, 1] = x[3, 1] = y[3, 1] = np.nan
    flux[4, :, 20:, 40:] = np.nan
    flux[5, 2, 30:34, 30:34] = np.nan
    flux[6] = np.nan
    flux[7, :, :, 10:] += flux[8, :, :, :-10]
    return flux, x, y


def measured(flux, x, y, bands="gri", section=SECTION, ivar=None):
    values = image_features(flux, x, y, section, bands, ivar)
    return dict(zip(feature_names(section, bands), values.T, strict=True))


@pytest.mark.parametrize("with_ivar", [False, True])
def test_an_object_alone_has_the_features_that_it_has_in_a_batch(block, with_ivar):
    flux, x, y = block
    ivar = np.full_like(flux, 900.0) if with_ivar else None
    together = image_features(*block, SECTION, "gri", ivar)
    for rows in (slice(0, 1), slice(4, 5), slice(6, 7), slice(3, 20), slice(29, 30)):
        alone = image_features(flux[rows], x[rows], y[rows], SECTION, "gri", None if ivar is None else ivar[rows])
        assert equal_bits(alone, np.ascontiguousarray(together[rows]))


@pytest.mark.parametrize("apertures", [(3.0, 5.0), (3.0, 17.0)])
def test_what_is_measured_where_needed_is_what_is_measured_everywhere(block, apertures):
    """Fluxes of stars are looked for only where they are used, and nothing where there is no background."""
    section, reach = SECTION.model_copy(update={"apertures": apertures}), SECTION.background[0]
    flux, x, y = block
    found = measured(*block, section=section)
    stamps = make_stamps(flux.reshape(-1, *flux.shape[2:]), x.ravel(), y.ravel(), section.background)
    shapes = adaptive_moments(stamps, reach)
    free, error = point_source_flux(stamps, shapes.x, shapes.y, shapes.variance, reach)
    error = error * np.sqrt(FREE_WIDTH_VARIANCE)
    with np.errstate(invalid="ignore"):
        good = (shapes.measured & (free >= SMALLEST_SIGNAL * error)).reshape(x.shape)
    of_star = (TYPICAL_FWHM / FWHM) ** 2
    ratios = [
        sum(width[have] / of_star) / have.sum() if have.any() else 1.0
        for width, have in zip(shapes.variance.reshape(x.shape), good, strict=True)
    ]
    variance = np.repeat(np.array(ratios) * of_star, x.shape[1])
    expected, expected_error = point_source_flux(stamps, stamps.x, stamps.y, variance, reach)
    everywhere = {
        "psf_flux_{}": np.where(good.ravel(), free, expected),
        "psf_flux_{}_error": np.where(good.ravel(), error, expected_error),
        "half_light_radius_{}": half_light_radius(stamps, reach),
    }
    for radius in apertures:
        light, uncertainty, everywhere["coverage_{}"] = aperture_flux(stamps, radius)
        everywhere |= {f"flux_{radius:g}_{{}}": light, f"flux_{radius:g}_{{}}_error": uncertainty}
    assert 0.2 < good.mean() < 0.8
    for name, values in everywhere.items():
        for number, band in enumerate("gri"):
            np.testing.assert_array_equal(found[name.format(band)], values[number::3].astype("f4"), name)


def test_the_size_of_a_block_does_not_matter(block):
    many = [np.concatenate([part] * 5) for part in block]
    once = image_features(*block, SECTION, "gri")
    assert equal_bits(image_features(*many, SECTION, "gri"), np.concatenate([once] * 5))


def test_features_do_not_depend_on_the_size_of_the_cutout():
    small, large = (simulated_cutouts(19, size=size) for size in (64, 70))
    assert equal_bits(*(image_features(*part[:3], SECTION, "r") for part in (small, large)))


def test_a_missing_band_is_nan_and_the_others_are_as_before(block):
    flux, x, y = (part.copy() for part in block)
    before = measured(flux, x, y)
    flux[:, 0] = x[:, 0] = y[:, 0] = np.nan
    after = measured(flux, x, y)
    for name, values in after.items():
        if "_g" in name:
            assert np.isnan(values).all() or name == "coverage_g"
        elif not name.startswith("psf_flux"):  # the expected width of a faint source is the mean of its bands
            assert equal_bits(values, before[name]), name


def test_a_band_alone_has_the_values_that_it_has_among_others(block):
    together = measured(*block)
    for number, band in enumerate("gri"):
        alone = measured(*(part[:, number : number + 1] for part in block), bands=band)
        for name, values in alone.items():
            if name in together and f"_{band}" in name and not name.startswith("psf_flux"):
                assert equal_bits(values, together[name]), name


def test_neighbours_are_looked_for_in_another_band_where_r_is_missing(block):
    flux, x, y = (part.copy() for part in block)
    flux[:, 1] = np.nan
    lone = measured(flux, x, y)["neighbours"]
    assert np.isfinite(np.delete(lone, 6)).all()
    assert np.isnan(lone[6])


def test_an_object_without_pixels_is_nan_throughout(block):
    values = image_features(*block, SECTION, "gri")
    names = feature_names(SECTION, "gri")
    assert all(np.isnan(v) for v, n in zip(values[6], names, strict=True) if not n.startswith("coverage"))
    assert not np.isinf(values).any()


@given(
    bands=st.permutations("ugriz").map("".join), count=st.integers(1, 5), radii=st.sets(st.floats(1, 12), min_size=1)
)
def test_names_are_in_the_order_of_the_values(bands, count, radii):
    section = ImageFeaturesSection(apertures=sorted(round(r, 2) for r in radii)[:1])
    names = feature_names(section, bands[:count])
    empty = np.zeros((0, count, 64, 64), "f4")
    assert image_features(empty, np.zeros((0, count)), np.zeros((0, count)), section, bands[:count]).shape == (
        0,
        len(set(names)),
    )


@pytest.mark.parametrize(("magnitude", "band"), [(17, "r"), (20, "r"), (18, "u"), (18, "z")])
def test_the_psf_flux_of_simulated_stars_is_unbiased(magnitude, band):
    flux, x, y, true = simulated_cutouts(magnitude, band)
    found = measured(flux, x, y, band)
    ratio = found[f"psf_flux_{band}"] / true
    assert abs(ratio.mean() - 1) < 0.003 + 3 * ratio.std() / 12


@pytest.mark.parametrize("magnitude", [22, 24])
def test_errors_of_faint_stars_are_true(magnitude):
    flux, x, y, true = simulated_cutouts(magnitude, seed=12)
    found = measured(flux, x, y, "r")
    for name in ("flux_3_r", "flux_7.5_r", "psf_flux_r"):
        value, error = found[name], found[f"{name}_error"]
        assert ((value - value.mean()) / error).std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(value)))
    pull = (found["psf_flux_r"] - true) / found["psf_flux_r_error"]
    assert abs(pull.mean()) < 4 / 12


def test_sizes_and_shapes_of_simulated_galaxies():
    flux, x, y, _ = simulated_cutouts(16, radius=4.0)
    star, galaxy = measured(*simulated_cutouts(16)[:3], "r"), measured(flux, x, y, "r")
    # A profile of radius 4 seen through a PSF whose own half-light radius is 1.8 pixels.
    assert galaxy["half_light_radius_r"].mean() == pytest.approx(np.hypot(4, 1.83), rel=0.05)
    assert galaxy["half_light_radius_r"].std() < 0.05
    assert star["half_light_radius_r"].mean() == pytest.approx(1.83, abs=0.03)
    assert galaxy["sharpness_r"].max() < star["sharpness_r"].min()
    assert galaxy["ellipticity_r"].mean() < 0.02
    flat = measured(*simulated_cutouts(16, radius=4.0, axis_ratio=0.5)[:3], "r")
    assert flat["ellipticity_r"].mean() == pytest.approx(0.38, abs=0.06)  # rounded by the PSF


def test_asinh_magnitudes_are_logarithmic_for_bright_objects_and_defined_below_zero():
    flux = np.array([1000.0, -0.1, 0.0])
    magnitude, error = asinh_magnitude(flux, np.full(3, 0.1), "r")
    assert magnitude[0] == pytest.approx(22.5 - 2.5 * 3, abs=1e-6)
    assert error[0] == pytest.approx(2.5 / np.log(10) * 1e-4, rel=1e-6)
    assert np.isfinite(magnitude).all()
    assert magnitude[2] == pytest.approx(24.80, abs=0.005)  # the survey's table for zero flux in r
    assert magnitude[1] > magnitude[2]


def test_radii_must_fit_into_the_cutout():
    check_size(SECTION, 51)
    with pytest.raises(ConfigurationError, match="cutouts.size to 51"):
        check_size(SECTION, 50)
    with pytest.raises(ConfigurationError, match="image_features"):
        image_features(np.zeros((1, 1, 32, 32), "f4"), np.full((1, 1), 16.0), np.full((1, 1), 16.0), SECTION, "r")


@pytest.mark.parametrize(
    "wrong",
    [{"apertures": (5.0, 3.0)}, {"apertures": (3.0, 3.0)}, {"colour_aperture": 4.0}, {"background": (20.0, 10.0)}],
)
def test_wrong_radii_are_refused(wrong):
    with pytest.raises(ValidationError):
        ImageFeaturesSection(**wrong)


@pytest.mark.parametrize("bands", ["gry", "YJH"])
def test_bands_that_are_not_of_sdss_are_measured_like_others(block, bands):
    usual, found = measured(*block), measured(*block, bands=bands)
    for old, new in zip("gri", bands, strict=True):
        np.testing.assert_array_equal(found[f"flux_5_{new}"], usual[f"flux_5_{old}"])
    assert [name for name in found if name.startswith("colour")] == ["colour_g_r", "colour_g_r_error"] * ("g" in bands)
