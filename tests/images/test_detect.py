import sys

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.images.detect import Detections, detect
from tests.images.star_field import make_field


@pytest.fixture(scope="module")
def field():
    return make_field(others=False)


@pytest.fixture(scope="module")
def found(field):
    return detect(field.image, field.sigma)


def nearest(field, detections):
    distance = np.hypot(detections.x[:, None] - field.x, detections.y[:, None] - field.y)
    return distance.argmin(axis=1), distance.min(axis=1)


def test_every_star_is_found_once_where_it_is(field, found):
    which, distance = nearest(field, found)
    assert len(found) == len(field.x) == len(set(which))
    assert distance.max() < 0.05, "0 is the centre of the first pixel"


def test_flux_is_that_of_the_star_but_for_the_wings_beyond_the_aperture(field, found):
    which, _ = nearest(field, found)
    np.testing.assert_allclose(found.flux / field.flux[which], 0.97, atol=0.03)
    assert np.all(found.error > 0)


def test_sources_come_brightest_first(found):
    assert np.all(np.diff(found.flux) <= 0)


def test_a_level_under_everything_is_the_sources_sky_and_changes_no_flux(field, found):
    lifted = detect(field.image + np.float32(0.5), field.sigma)
    np.testing.assert_allclose(lifted.flux, found.flux, rtol=2e-3)
    np.testing.assert_allclose(lifted.sky - found.sky, 0.5, atol=1e-3)


def test_pixels_without_a_value_hide_what_lies_there_and_nothing_else(field, found):
    image = field.image.copy()
    hidden = np.hypot(found.x - found.x[0], found.y - found.y[0]) < 30
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    image[np.hypot(x - found.x[0], y - found.y[0]) < 30] = np.nan
    left = detect(image, field.sigma)
    assert len(left) == len(found) - hidden.sum()
    assert np.isfinite(left.flux).all()


@pytest.mark.parametrize("image", [np.zeros((64, 64), np.float32), np.full((64, 64), np.nan, np.float32)])
def test_an_image_without_sources_gives_none(image):
    nothing = detect(image, np.full_like(image, 0.1))
    assert len(nothing) == 0
    assert isinstance(nothing.take(slice(0, 3)), Detections)


def test_a_missing_library_is_named_with_the_extra_that_has_it(monkeypatch, field):
    monkeypatch.setitem(sys.modules, "sep", None)
    with pytest.raises(ConfigurationError, match=r"survey-batch\[psf\]"):
        detect(field.image, field.sigma)
