import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.images.picture import align, asinh_grey, colour, panels_of, scale_of

BANDS = list("ugriz")
CENTRE = np.full((5, 2), 15.5)


def star(fluxes, size=32, at=(15.5, 15.5), noise=0.0):
    y, x = np.indices((size, size))
    image = np.exp(-((x - at[1]) ** 2 + (y - at[0]) ** 2) / 8)
    random = np.random.default_rng(0).normal(0, noise, (len(fluxes), size, size)) if noise else 0
    return (np.array(fluxes)[:, None, None] * image + random).astype(np.float32)


def test_a_strip_has_a_panel_per_band_and_one_for_colour():
    panels = panels_of(star([1, 2, 3, 4, 5], noise=0.1), BANDS, CENTRE)
    assert [name for name, _ in panels] == [*BANDS, "irg"]
    assert {panel.shape for _, panel in panels} == {(32, 32, 3)}  # not enlarged: the browser does it, by whole factors


def test_bands_share_one_scale_so_a_brighter_band_is_darker_on_paper():
    flux = star([1, 2, 4, 8, 16], noise=0.1)
    sky, white = scale_of(flux)
    centres = [int(asinh_grey(band, sky, white)[16, 16]) for band in flux]
    assert centres == sorted(centres, reverse=True)
    assert centres[0] > centres[-1] + 50


def test_missing_pixels_are_hatched_and_not_shown_as_dark_or_white_sky():
    flux = star([5] * 5, noise=0.1)
    flux[3] = np.nan
    panels = dict(panels_of(flux, BANDS, CENTRE))
    assert set(np.unique(panels["i"])) == {196, 244}
    assert set(np.unique(panels["irg"])) == {196, 244}  # no colour without one of its bands


def test_a_cutout_without_any_pixel_is_drawn():
    assert len(panels_of(np.full((5, 8, 8), np.nan, np.float32), BANDS, CENTRE)) == 6


def test_without_the_bands_of_colour_there_is_no_colour_panel():
    assert [name for name, _ in panels_of(star([1, 2]), list("ug"), CENTRE[:2])] == ["u", "g"]


def test_up_is_up():
    ((_, panel),) = panels_of(star([5], at=(28, 15.5)), ["u"], CENTRE[:1])
    assert panel[:16].mean() < panel[16:].mean()  # dark on white, y upwards


@given(st.floats(0.05, 20))
def test_colour_of_a_grey_object_is_grey_whatever_its_brightness(brightness):
    image = colour(star([brightness] * 3), 0.05, 10.0).astype(int)
    assert np.ptp(image, axis=-1).max() <= 1


def test_a_red_object_is_red():
    red, green, blue = colour(star([8, 4, 1]), 0.05, 10.0)[16, 16].astype(int)
    assert red > green > blue


def test_bands_are_shifted_onto_the_middle_one():
    flux = np.concatenate([star([1], at=(15.0, 15.5)), star([1], at=(15.5, 15.5)), star([1], at=(15.5, 16.25))])
    moved = align(flux, np.array([(15.0, 15.5), (15.5, 15.5), (15.5, 16.25)]))
    y, x = np.indices((32, 32))
    for band in moved:
        assert (band * y).sum() / band.sum() == pytest.approx(15.5, abs=0.02)
        assert (band * x).sum() / band.sum() == pytest.approx(15.5, abs=0.02)
