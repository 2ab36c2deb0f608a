"""One object as an image: pixel by pixel, y upwards."""

import numpy as np
import pytest
import xarray as xr

from survey_batch.core.errors import ConfigurationError
from survey_batch.notebook.pictures import to_image

IDS = ("object", ["a", "é"])


def cutouts(bands="gri", size=16):
    flux = np.zeros((2, len(bands), size, size), np.float32)
    flux[1, :, size - 2, 1] = 100  # a star at the left of the upper edge
    flux[1, 0, 0, :] = np.nan
    place = np.full((2, len(bands)), 7.5)
    positions = dict.fromkeys(("x_object", "y_object"), (("object", "band"), place))
    return xr.Dataset(
        {"flux": (("object", "band", "y", "x"), flux), **positions, "object_id": IDS}, {"band": list(bands)}
    )


def composites(**attrs):
    pixels = np.arange(2 * 4 * 3 * 3, dtype=np.uint8).reshape(2, 4, 3, 3)
    return xr.Dataset({"image": (("object", "y", "x", "channel"), pixels, attrs), "object_id": IDS}), pixels


def test_a_composite_has_its_own_pixels_and_the_first_row_below_unless_it_says_otherwise():
    ds, pixels = composites()
    picture = to_image(ds, "é")
    assert (picture.mode, picture.size) == ("RGB", (3, 4))
    np.testing.assert_array_equal(np.asarray(picture), pixels[1, ::-1])
    ds, pixels = composites(orientation="first row at the top")
    np.testing.assert_array_equal(np.asarray(to_image(ds, 0)), pixels[0])


def test_a_band_is_grey_and_dark_where_the_star_is():
    picture = to_image(cutouts(), "é", "r")
    assert (picture.mode, picture.size) == ("L", (16, 16))
    drawn = np.asarray(picture)
    assert np.unravel_index(drawn.argmin(), drawn.shape) == (1, 1), "y runs upwards"


def test_three_bands_are_colours_and_a_single_one_is_grey():
    assert to_image(cutouts(), 1).mode == "RGB"
    alone = to_image(cutouts("z"), 1)
    assert alone.mode == "L"
    np.testing.assert_array_equal(np.asarray(alone), np.asarray(to_image(cutouts("z"), 1, "z")))


def test_missing_pixels_are_hatched():
    row = np.asarray(to_image(cutouts(), 1, "g"))[-1]
    assert set(row.tolist()) == {196, 244}


def test_a_stamp_is_grey_also_where_nothing_was_measured():
    flux = np.full((2, 8, 8), np.nan, np.float32)
    flux[0, 7, 3] = 1
    ds = xr.Dataset({"flux": (("object", "y", "x"), flux), "object_id": IDS})
    assert np.asarray(to_image(ds, 0))[0, 3] == np.asarray(to_image(ds, 0)).min()
    assert set(np.asarray(to_image(ds, 1)).ravel().tolist()) == {196, 244}


@pytest.mark.parametrize(
    ("ds", "band", "said"),
    [
        (cutouts(), "u", "there is no band 'u'; the bands are g, r, i"),
        (cutouts("ug"), None, "cutouts in u, g make no colour picture, which takes i, r, g: make composites"),
        (
            xr.Dataset({"probability": (("object", "class"), [[1.0]])}),
            None,
            "holds predictions: give composites",
        ),
    ],
)
def test_what_makes_no_picture_is_refused(ds, band, said):
    with pytest.raises(ConfigurationError, match=said):
        to_image(ds, 0, band)
