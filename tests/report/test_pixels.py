import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.report.pixels import LARGEST, SIDE, pixels, shown_at, side_of
from tests.report.test_page import Elements


def shown(image):
    return dict(Elements(pixels(image, "what")).attributes)


@given(st.integers(1, 2000))
def test_every_pixel_is_a_whole_number_of_css_pixels(size):
    side = side_of(size, SIDE)
    assert side <= LARGEST
    assert side % (size // -(-size // LARGEST)) == 0


def test_a_small_image_is_enlarged_by_the_browser_without_blur():
    made = shown(np.zeros((16, 16, 3), np.uint8))
    assert (made["width"], made["height"], made["class"]) == ("128", "128", "pixels")
    assert shown_at(16, SIDE) == "16 × 16 pixels at 8 times their size"


def test_in_a_large_image_whole_blocks_are_averaged():
    assert shown(np.zeros((700, 700, 3), np.uint8))["width"] == "233"
    assert "3 × 3 of them averaged in one" in shown_at(700, SIDE)
    assert shown_at(224, SIDE) == "224 × 224 pixels at their true size"
