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


def test_the_fields_that_cover_some_positions_have_the_distance_of_their_middles():
    corners = []
    for left in (0, 80, 160, 400):
        wcs, _ = tile(359.99, 80.0, 0.3, 100, 60)
        x, y = np.array([left, left + 100, left + 100, left]) - 0.5, np.array([0, 0, 60, 60]) - 0.5
        corners.append(np.stack(wcs.wcs_pix2world(x, y, 0)))
    footprint = Footprint({}, bounds_of(*np.stack(corners, axis=1)), np.ones(4))
    ra, dec = wcs.wcs_pix2world(np.array([90.0, 120.0, 170.0, 300.0]), np.full(4, 30.0), 0)
    middle = tuple(float(one) for one in wcs.wcs_pix2world(135.0, 29.5, 0))
    found = list(footprint.around(ra, dec, middle))
    distances = {index: distance for distance, index, _ in found}
    assert distances[1] < distances[2] < distances[0]
    covers = {index: flags.tolist() for _, index, flags in found}
    assert covers == {
        0: [True, False, False, False],
        1: [True, True, True, False],
        2: [False, False, True, False],
    }
