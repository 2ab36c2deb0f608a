"""The aperture correction of a frame, on frames whose PSF and fluxes are known."""

import warnings

import numpy as np
import pytest

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.images.aperture_correction import (
    TOTAL_RADIUS,
    TYPICAL_ERROR,
    TYPICAL_FACTOR,
    measure_correction,
)
from survey_batch.images.feature_names import feature_names
from survey_batch.images.features import PointSources, image_features
from survey_batch.simulate.pixels import BANDS, DETECTORS, calibration_vector
from tests.compare import equal_bits
from tests.images.simulated import cut_all, simulated_frame
from tests.images.star_field import COUNTS_PER_UNIT, make_field, moffat

SECTION = ImageFeaturesSection()
SIZE, SPACING, REACH = 700, 85, 80
GAIN = 4.7
BRIGHT = {"u": 17, "g": 17, "r": 17, "i": 17, "z": 16}
"""Magnitudes: stars whose light in the large aperture is known to some percent, one by one."""


def moffat_frame(band, beta, stars=49, seed=4):
    """Bright stars with Moffat wings in the seeing and noise of a band: pixels, x, y and true flux."""
    random, detector = np.random.default_rng(seed), DETECTORS[band]
    grid = 95 + SPACING * np.arange(7)
    x, y = (part.ravel()[:stars] + random.uniform(-0.5, 0.5, stars) for part in np.meshgrid(grid, grid))
    flux, image = 10 ** (0.4 * (22.5 - BRIGHT[band])), np.zeros((SIZE, SIZE))
    offset = np.arange(-REACH, REACH + 1)
    for one_x, one_y in zip(x, y, strict=True):
        rows, columns = round(one_y) + offset, round(one_x) + offset
        image[np.ix_(rows, columns)] += flux * moffat(
            columns[None, :] - one_x, rows[:, None] - one_y, detector.seeing, beta
        )
    unit = detector.nanomaggy_per_count
    noise = unit * np.sqrt((image / unit + detector.sky) / GAIN) * random.normal(size=image.shape)
    return (image + noise).astype(np.float32), x, y


def within_total_radius(fwhm, beta):
    """Share of a Moffat profile's light within 7.4 arcsec."""
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return 1 - (1 + (TOTAL_RADIUS / core) ** 2) ** (1 - beta)


def psf_fluxes(pixels, x, y, band, magnitude):
    """PSF fluxes with and without the correction of the frame, in the true flux, and the correction."""
    found = measure_correction(pixels, calibration_vector(band, pixels.shape[1]))
    flux, x, y, true = cut_all(pixels, x, y, magnitude)
    shape = x.shape
    stars = PointSources(np.full(shape, found.factor), np.full(shape, found.fwhm))
    column = feature_names(SECTION, band).index(f"psf_flux_{band}")
    one, other = (image_features(flux, x, y, SECTION, band, stars=known)[:, column] / true for known in (stars, None))
    return one, other, found


@pytest.mark.parametrize("band", BANDS)
def test_psf_fluxes_of_simulated_stars_are_true_in_every_band(band):
    corrected, _, found = psf_fluxes(*simulated_frame(BRIGHT[band], band), band, BRIGHT[band])
    assert np.median(corrected) == pytest.approx(1, abs=0.01)
    assert found.stars >= 50
    assert 0 < found.error < 0.01
    assert found.fwhm == pytest.approx(DETECTORS[band].seeing, rel=0.1)


@pytest.mark.parametrize("band", BANDS)
@pytest.mark.parametrize("beta", [2.5, 4.5])
def test_psf_fluxes_of_stars_with_other_wings_are_true_in_every_band(band, beta):
    corrected, uncorrected, found = psf_fluxes(*moffat_frame(band, beta), band, BRIGHT[band])
    true = within_total_radius(DETECTORS[band].seeing, beta)
    assert np.median(corrected) == pytest.approx(true, abs=0.01)
    assert np.median(corrected) == pytest.approx(true, abs=4 * found.error + 0.003)
    if beta < 3:
        assert np.median(uncorrected) < 0.95 * true, "the filter alone misses these wings"


def test_galaxies_pairs_and_saturated_stars_change_nothing():
    unit = np.full(520, 1 / COUNTS_PER_UNIT, np.float32)
    alone, among = (measure_correction(make_field(others=others).image, unit) for others in (False, True))
    assert min(alone.stars, among.stars) >= 10
    assert among.factor == pytest.approx(alone.factor, abs=3 * np.hypot(alone.error, among.error))
    assert among.fwhm == pytest.approx(alone.fwhm, rel=0.02)


def test_a_frame_with_too_few_stars_has_the_correction_of_a_typical_one_and_says_so():
    pixels, _, _ = moffat_frame("r", 3.0, stars=4)
    found = measure_correction(pixels, calibration_vector("r", SIZE))
    assert (found.factor, found.error, found.stars) == (TYPICAL_FACTOR, TYPICAL_ERROR, 0)
    assert np.isnan(found.fwhm)


@pytest.mark.parametrize("value", [np.nan, 0.0, np.inf])
def test_a_frame_without_light_has_the_correction_of_a_typical_one(value):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measure_correction(np.full((200, 200), value, np.float32), np.ones(200, np.float32))
    assert found.stars == 0
    assert found.factor == TYPICAL_FACTOR


def test_missing_pixels_leave_out_the_stars_that_they_touch():
    pixels, x, y = moffat_frame("r", 3.0)
    unit = calibration_vector("r", SIZE)
    whole = measure_correction(pixels, unit)
    pixels[round(y[24]) + 3, round(x[24]) - 15 : round(x[24]) + 15] = np.nan
    pixels[:, :120] = np.nan
    part = measure_correction(pixels, unit)
    assert 30 <= part.stars < whole.stars
    assert part.factor == pytest.approx(whole.factor, abs=4 * np.hypot(part.error, whole.error))


def test_most_pixels_missing_is_no_error():
    pixels, _, _ = moffat_frame("r", 3.0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    # Each star keeps the pixels of the filter, and none has a ring around its large aperture.
    pixels[
        (np.abs((rows - 95) % SPACING - SPACING / 2) < 14) | (np.abs((columns - 95) % SPACING - SPACING / 2) < 14)
    ] = np.nan
    found = measure_correction(pixels, calibration_vector("r", SIZE))
    assert np.isfinite(found.factor)
    assert np.isfinite(found.error)


def test_a_faint_star_is_expected_as_wide_as_the_stars_of_its_band():
    """Bright in r and hardly seen in u, where the seeing is worse: the width found in r is not that in u."""
    random, n = np.random.default_rng(5), 400
    sigma = {"u": 1.7, "r": 1.2}
    noise, flux = 0.04, {"u": 0.7, "r": 200.0}
    x, y = (31.5 + random.uniform(-0.5, 0.5, (n, 2)) for _ in range(2))
    along = np.arange(64)
    image = noise * random.normal(size=(n, 2, 64, 64))
    for b, band in enumerate("ur"):
        across, down = (np.exp(-((along - centre[:, b, None]) ** 2) / (2 * sigma[band] ** 2)) for centre in (x, y))
        image[:, b] += flux[band] / (2 * np.pi * sigma[band] ** 2) * down[:, :, None] * across[:, None, :]
    fwhm = np.broadcast_to([2.3548 * sigma[band] for band in "ur"], (n, 2))
    names = feature_names(SECTION, "ur")
    values = [
        image_features(image.astype(np.float32), x, y, SECTION, "ur", stars=PointSources(np.ones((n, 2)), known))
        for known in (fwhm, np.full((n, 2), np.nan))
    ]
    u, r = (names.index(f"psf_flux_{band}") for band in "ur")
    assert equal_bits(values[0][:, r], values[1][:, r])
    known, unknown = (np.mean(one[:, u]) / flux["u"] / (np.mean(one[:, r]) / flux["r"]) for one in values)
    assert known == pytest.approx(1, abs=0.06)
    assert unknown < 0.85
