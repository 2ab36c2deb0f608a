"""What the tables of frames, cutouts, composites and their features may say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.images import CompositesSection, FramesSection, ImageFeaturesSection


@given(st.text("ugriz", min_size=1, max_size=5))
def test_frames_have_each_band_once(bands):
    if len(set(bands)) == len(bands):
        assert FramesSection(bands=bands).bands == bands
    else:
        with pytest.raises(ValidationError, match="each band once"):
            FramesSection(bands=bands)


@pytest.mark.parametrize(
    ("keys", "stretch"),
    [({}, 0.5), ({"scaling": "percentile"}, 0.02), ({"scaling": "percentile", "stretch": 3.0}, 3.0)],
)
def test_the_stretch_is_that_of_the_scaling_unless_it_is_set(keys, stretch):
    assert CompositesSection(**keys).linear_stretch == stretch


@given(st.floats(-10, 110), st.floats(-10, 110))
def test_percentiles_are_two_in_order(low, high):
    if 0 <= low < high <= 100:
        assert CompositesSection(percentiles=(low, high)).percentiles == (low, high)
    else:
        with pytest.raises(ValidationError, match="two numbers from 0 to 100, the lower first"):
            CompositesSection(percentiles=(low, high))


@pytest.mark.parametrize(
    ("apertures", "colour", "radius"), [((3.0, 5.0, 7.5), None, 5.0), ((3.0, 5.0), None, 5.0), ((3.0, 5.0), 3.0, 3.0)]
)
def test_colours_are_measured_in_the_middle_aperture_or_the_one_that_is_named(apertures, colour, radius):
    assert ImageFeaturesSection(apertures=apertures, colour_aperture=colour).colour_radius == radius


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"apertures": (5.0, 3.0)}, "different radii, the smallest first"),
        ({"apertures": (3.0, 3.0)}, "different radii, the smallest first"),
        ({"colour_aperture": 4.0}, r"must be one of apertures: \[3.0, 5.0, 7.5\]"),
        ({"background": (25.0, 15.0)}, "two radii, the inner one first"),
    ],
)
def test_radii_that_make_no_sense_are_refused(keys, said):
    with pytest.raises(ValidationError, match=said):
        ImageFeaturesSection(**keys)
