"""Inverse variance of pixels: the survey's formula, and the scatter of real and of simulated sky."""

import numpy as np
import pytest

from survey_batch.archive.decompress import SDSS_CEILING, decompress
from survey_batch.images.cutout import cut
from survey_batch.images.frame import Sky
from survey_batch.images.ivar import inverse_variance, sky_counts, window_ivar
from survey_batch.simulate.pixels import calibration_vector, strip_pixels
from survey_batch.simulate.pixels import sky_counts as simulated_sky
from survey_batch.simulate.sky import draw_population
from survey_batch.simulate.strip import Strip
from survey_batch.surveys.sdss.camera import Ccd, ccd
from survey_batch.surveys.sdss.files import FRAME_SHAPE, FieldKey, frame_path, read_frame

CHIP = Ccd(4.0, 1.5)
FIELDS = [(1006, 6, 11), (1035, 6, 17), (1043, 5, 25), (1992, 1, 87), (2820, 3, 122)]


def sky_of(image):
    column, row = (np.arange(FRAME_SHAPE[1]) - 3.5) / 8, (np.arange(FRAME_SHAPE[0]) + 4.5) / 8
    return Sky(np.float32(image), np.float32(column), np.float32(row))


SKY = sky_of(np.add.outer(np.arange(192.0), 2 * np.arange(256.0)) + 50)


def clipped_scatter(values):
    for _ in range(20):
        values = values[np.abs(values) < 3.5 * values.std()]
    return values.std()


def test_one_pixel_by_hand():
    flux, calibration, sky = (
        np.full((1, 1, 1), 0.5, np.float32),
        np.full((1, 1), 0.005, np.float32),
        np.full((1, 1, 1), 140, np.float32),
    )
    counts = 0.5 / 0.005 + 140
    assert inverse_variance(flux, calibration, sky, CHIP)[0, 0, 0] == pytest.approx(
        1 / ((counts / 4 + 1.5) * 0.005**2), rel=1e-5
    )


def test_no_pixel_or_no_calibration_is_0():
    flux = np.array([[[np.nan, 1.0, 1.0, -1e9]]], np.float32)
    calibration = np.array([[0.005, 0.0, 0.005, 0.005]], np.float32)
    ivar = inverse_variance(flux, calibration, np.full((1, 1, 4), 100, np.float32), CHIP)[0, 0]
    assert ivar[:2].tolist() == [0, 0]
    assert ivar[3] == pytest.approx(1 / (1.5 * 0.005**2))  # no electrons: the dark variance is left


def test_the_sky_is_bilinear_and_constant_beyond_its_edge():
    rows, columns = np.array([[0, 100, 1488]]), np.array([[0, 1000, 2047]])
    y, x = np.clip((rows[0] + 4.5) / 8, 0, 191), np.clip((columns[0] - 3.5) / 8, 0, 255)
    np.testing.assert_allclose(sky_counts(SKY, rows, columns)[0], y[:, None] + 2 * x + 50, rtol=1e-6)


@pytest.mark.bits
def test_a_row_alone_is_bit_for_bit_the_row_in_a_block():
    rng = np.random.default_rng(1)
    start = rng.integers(-20, 1400, (2, 5))
    flux = rng.normal(0, 0.02, (5, 32, 32)).astype(np.float32)
    calibration = rng.uniform(0.004, 0.006, 2048).astype(np.float32)
    whole = window_ivar(flux, *start, calibration, SKY, CHIP)
    for i in range(5):
        one = slice(i, i + 1)
        alone = window_ivar(flux[one], start[0, one], start[1, one], calibration, SKY, CHIP)
        np.testing.assert_array_equal(alone, whole[one])


@pytest.mark.parametrize("band", "uz")
def test_simulated_noise_has_this_variance(band):
    strip = Strip(301, 1992, 3, 100, 1, (256, 256))
    flux = strip_pixels(strip, draw_population(strip, 0, 1), band, 1)[None]
    sky = simulated_sky(strip, strip.rows_of(100), band)[None]
    ivar = inverse_variance(flux, calibration_vector(band, 256)[None], sky, ccd(1992, 3, band))
    assert flux.std() / np.sqrt((1 / ivar).mean()) == pytest.approx(1, abs=0.015)  # its own noise is in a pixel's ivar


@pytest.mark.parametrize("field", FIELDS[-2:])
@pytest.mark.parametrize("band", ["u", *(pytest.param(band, marks=pytest.mark.slow) for band in "griz")])
def test_the_scatter_of_real_sky_is_what_the_ivar_says(real_data, field, band):
    """0.97 to 1.045 on all 24 real frames; differences of pixels two columns apart leave objects out."""
    key = FieldKey(301, *field)
    raw = (real_data / "sdss" / frame_path(key, band)).read_bytes()
    frame = read_frame(decompress(raw, SDSS_CEILING), key, band, sky=True)
    y, x = (part.ravel() for part in np.meshgrid(np.arange(0, 1408, 128), np.arange(0, 1984, 128), indexing="ij"))
    flux = cut(frame.image, x, y, 64)
    ivar = window_ivar(flux, x, y, frame.calibration, frame.sky, ccd(key.run, key.camcol, band))
    assert (ivar > 0).all()
    difference = (flux[:, :, 2:] - flux[:, :, :-2]) / np.sqrt(1 / ivar[:, :, 2:] + 1 / ivar[:, :, :-2])
    assert clipped_scatter(difference) == pytest.approx(1, abs=0.06)
