"""Rectangles on the sky from their corners, and which of them covers a position."""

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.footprint import Footprint, bounds_of


def tile(ra, dec, turned, width, height):
    """A TAN image of pixels of 0.001 degrees, turned by an angle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = (
        ("RA---TAN", "DEC--TAN"),
        (ra, dec),
        ((width + 1) / 2, (height + 1) / 2),
    )
    sin, cos = np.sin(turned), np.cos(turned)
    wcs.wcs.cd = np.array([[-cos, sin], [sin, cos]]) * 1e-3
    x, y = np.array([0, width, width, 0]) - 0.5, np.array([0, 0, height, height]) - 0.5
    return wcs, np.stack(wcs.wcs_pix2world(x, y, 0))[:, None]


@given(st.floats(0, 359.99), st.floats(-89, 89), st.floats(0, 6.28), st.integers(50, 400), st.integers(50, 400))
def test_a_turned_image_covers_what_lies_on_its_pixels_wherever_it_is(ra, dec, turned, width, height):
    wcs, corners = tile(ra, dec, turned, width, height)
    footprint = Footprint({}, bounds_of(*corners), np.ones(1))
    x, y = np.array([1, width - 2, width / 3]), np.array([height - 2, 1, height / 2])
    assert footprint.find(*wcs.wcs_pix2world(x, y, 0)).index.tolist() == [0, 0, 0]
    outside = footprint.find(*wcs.wcs_pix2world(np.array([-21.0, width / 2]), np.array([height / 2, height + 20.0]), 0))
    assert outside.index.tolist() == [-1, -1]
    np.testing.assert_allclose(outside.distance, 0.0205, atol=2e-4)


@pytest.mark.parametrize(("x", "best"), [(10.0, 0), (85.0, 0), (95.0, 1), (170.0, 1)])
def test_of_tiles_that_overlap_the_one_whose_edge_is_farthest_is_taken(x, best):
    wcs, first = tile(20.0, 30.0, 0.0, 100, 60)
    second = np.stack(wcs.wcs_pix2world(np.array([80, 180, 180, 80]) - 0.5, np.array([0, 0, 60, 60]) - 0.5, 0))[:, None]
    footprint = Footprint({}, bounds_of(*np.concatenate([first, second], axis=1)), np.ones(2))
    assert footprint.find(*wcs.wcs_pix2world([x], [30.0], 0)).index.tolist() == [best]
