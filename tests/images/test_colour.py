import numpy as np
import pytest
from astropy.visualization import make_lupton_rgb
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from survey_batch.images.colour import lupton_rgb

RNG = np.random.default_rng(3)


def theirs(images, stretch, q):
    return np.stack([make_lupton_rgb(*image, minimum=0, stretch=stretch, Q=q) for image in images])


@st.composite
def images(draw, dtype):
    """Sky, stars, zeros and negative values in any mixture, over 40 decades."""
    n, y, x = draw(st.tuples(st.integers(1, 3), st.integers(1, 21), st.integers(1, 21)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = 10.0 ** draw(st.integers(-20, 20))
    values = scale * rng.normal(size=(n, 3, y, x)) * 10 ** rng.uniform(-draw(st.integers(0, 4)), 2, (n, 1, y, x))
    values[rng.random(values.shape) < draw(st.sampled_from([0, 0.1, 0.9]))] = 0
    return values.astype(dtype), scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data(), q=st.sampled_from([0, 1e-9, 0.1, 1, 8, 33.3, 1e3, 1e11]), stretch=st.floats(1e-3, 1e3))
@settings(max_examples=200, deadline=None)
def test_grey_levels_equal_those_of_astropy(dtype, data, q, stretch):
    bands, scale = data.draw(images(dtype))
    stretch *= data.draw(st.sampled_from([1, scale]))
    np.testing.assert_array_equal(lupton_rgb(bands, stretch, q), theirs(bands, stretch, q))


@given(
    bands=hnp.arrays(np.float32, st.tuples(st.just(1), st.just(3), st.integers(1, 5), st.integers(1, 5)),
                     elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    q=st.floats(0, 100), stretch=st.floats(1e-6, 1e6),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_grey_levels_equal_those_of_astropy_for_any_values(bands, q, stretch):
    np.testing.assert_array_equal(lupton_rgb(bands, stretch, q), theirs(bands, stretch, q))


@pytest.mark.parametrize("value", [-1e20, -1.0, 0.0, 1e-45, 1e-38, 1e-3, 0.5, 255.0, 1e5, 1e30])
def test_constant_images_equal_those_of_astropy(value):
    bands = np.full((1, 3, 4, 4), value, np.float32)
    np.testing.assert_array_equal(lupton_rgb(bands, 0.5, 8.0), theirs(bands, 0.5, 8.0))


def test_a_row_does_not_depend_on_its_block():
    bands = (RNG.normal(size=(7, 3, 13, 11)) * 10 ** RNG.uniform(-3, 3, (7, 1, 13, 11))).astype(np.float32)
    whole = lupton_rgb(bands, 0.5, 8.0)
    for row in range(len(bands)):
        np.testing.assert_array_equal(whole[row : row + 1], lupton_rgb(bands[row : row + 1], 0.5, 8.0))
    np.testing.assert_array_equal(whole, lupton_rgb(np.asfortranarray(bands), 0.5, 8.0))


def test_the_input_is_left_alone():
    bands = RNG.normal(size=(2, 3, 4, 4)).astype(np.float32)
    before = bands.copy()
    lupton_rgb(bands, 0.5, 8.0)
    np.testing.assert_array_equal(bands, before)


def test_a_bright_pixel_keeps_its_colour():
    """Ten thousand times the light, and still 4 : 2 : 1, up to one grey level."""
    for brightness in (1, 100, 1e4):
        rgb = lupton_rgb(np.float32(brightness) * np.array([4, 2, 1], np.float32).reshape(1, 3, 1, 1), 0.5, 8.0)
        red, green, blue = rgb[0, 0, 0].astype(int)
        assert abs(green - red / 2) <= 1
        assert abs(blue - red / 4) <= 1


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf])
def test_a_pixel_without_data_has_no_light(nothing):
    bands = RNG.uniform(0.1, 1, (2, 3, 5, 5)).astype(np.float32)
    zeros = bands.copy()
    bands[0, 1, 2, 3], zeros[0, 1, 2, 3] = nothing, 0
    bands[0, :, 0, 0], zeros[0, :, 0, 0] = nothing, 0
    bands[1, 2], zeros[1, 2] = nothing, 0
    rgb = lupton_rgb(bands, 0.5, 8.0)
    np.testing.assert_array_equal(rgb, theirs(zeros, 0.5, 8.0))
    assert rgb[0, 0, 0].tolist() == [0, 0, 0]
    assert rgb[0, 2, 3, 1] == 0
    assert rgb[0, 2, 3, 0] > 0
    assert not rgb[1, ..., 2].any()


@pytest.mark.filterwarnings("error")
def test_what_overflows_is_black_and_warns_of_nothing():
    largest = np.finfo(np.float32).max
    bands = np.array([[largest] * 3, [largest, -largest, 1.0], [1.0] * 3], np.float32).reshape(3, 3, 1, 1)
    rgb = lupton_rgb(bands, 0.02, 8.0)[:, 0, 0]
    assert rgb[0].tolist() == [0, 0, 0]
    assert rgb[1].tolist() == [255, 0, 0]
    assert rgb[2].min() > 0
