import numpy as np
import pytest

from survey_batch.optics.psf_field import random_psf_field
from survey_batch.simulate.stamps import draw_stars, observe
from tests.stamp_files import SMALL, WAVELENGTHS, made_up_seds

WEIGHTS = SMALL.bin_weights(made_up_seds(), WAVELENGTHS)


def test_noise_has_the_stated_share_of_the_power():
    stars, field = draw_stars(40, 1, snr=(50.0, 50.0)), random_psf_field(1, SMALL)
    flux, noise = observe(stars, field, WEIGHTS, 1)
    pure, _ = observe(draw_stars(40, 1, snr=(1e12, 1e12)), field, WEIGHTS, 1)
    np.testing.assert_allclose((pure**2).mean(axis=(1, 2)) / noise**2, 50, rtol=1e-4)
    assert np.std((flux - pure) / noise[:, None, None]) == pytest.approx(1, abs=0.02)


def test_stars_are_centred_and_of_unit_flux_unless_asked_otherwise():
    stars = draw_stars(50, 1)
    assert (stars.flux == 1).all()
    assert not stars.offset.any()
    other = draw_stars(400, 1, offset=0.1, flux_scatter=0.5)
    assert other.offset.std() == pytest.approx(0.1, rel=0.1)
    assert np.log(other.flux).std() == pytest.approx(0.5, rel=0.15)


def test_an_offset_moves_the_star_on_its_stamp():
    field = random_psf_field(1, SMALL)
    pixel = np.arange(32)

    def centroid(offset):
        flux, _ = observe(draw_stars(20, 1, offset=offset, snr=(1e12, 1e12)), field, WEIGHTS, 1)
        middle = flux[:, 6:26, 6:26]
        return np.stack([(middle * pixel[6:26]).sum((1, 2)), (middle * pixel[6:26, None]).sum((1, 2))], 1)

    moved, expected = centroid(0.3) - centroid(0.0), draw_stars(20, 1, offset=0.3).offset
    assert np.corrcoef(moved.ravel(), expected.ravel())[0, 1] > 0.99


def test_more_stars_leave_the_first_ones_as_they_were():
    few, many = draw_stars(5, 3, offset=0.1), draw_stars(9, 3, offset=0.1)
    for name in ("number", "x", "y", "flux", "offset", "snr"):
        np.testing.assert_array_equal(getattr(few, name), getattr(many, name)[:5])
