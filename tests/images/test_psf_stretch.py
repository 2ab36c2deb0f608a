"""How the PSF is stretched across an image, and the way back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.psf_stretch import SAME, Variation, unstretch

VARIATION = Variation(
    np.array([1000.0, 700.0]), np.array([900.0, 600.0]), np.array([[0.1, 0.02], [-0.05, 0.0], [0.01, 0.03]])
)
PLACES = st.lists(st.tuples(st.floats(-500, 3000), st.floats(-500, 2000)), min_size=1, max_size=5).map(np.array)


def test_the_stretch_is_one_at_the_middle_and_the_slope_at_the_edge():
    assert VARIATION.stretch(VARIATION.middle[None])[0].tolist() == [1, 1, 0]
    at_edge = VARIATION.stretch(np.array([[1900.0, 700.0], [1000.0, 1300.0]]))
    np.testing.assert_allclose(at_edge - [1, 1, 0], VARIATION.slope.T, atol=1e-12)


@given(PLACES)
def test_beyond_the_stars_the_stretch_is_that_at_the_edge(places):
    inside = np.clip(places, VARIATION.middle - VARIATION.reach, VARIATION.middle + VARIATION.reach)
    np.testing.assert_allclose(VARIATION.stretch(places), VARIATION.stretch(inside), atol=1e-12)
    assert np.abs(VARIATION.scaled(places)).max() <= 1


@given(PLACES)
def test_a_place_alone_has_the_same_bits_as_among_others(places):
    together = VARIATION.stretch(places)
    for row, place in enumerate(places):
        assert VARIATION.stretch(place[None])[0].tolist() == together[row].tolist()
    assert (SAME.stretch(places) == [1, 1, 0]).all()


@given(st.floats(0.7, 1.4), st.floats(0.7, 1.4), st.floats(-0.2, 0.2))
def test_unstretching_undoes_the_stretch(xx, yy, xy):
    dx, dy = (offset[None].astype(float) for offset in np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)))
    stretched = xx * dx + xy * dy, xy * dx + yy * dy
    back_x, back_y, area = unstretch(np.array([[xx, yy, xy]]), *stretched)
    np.testing.assert_allclose(back_x, dx, atol=1e-9)
    np.testing.assert_allclose(back_y, dy, atol=1e-9)
    np.testing.assert_allclose(area, xx * yy - xy**2)
