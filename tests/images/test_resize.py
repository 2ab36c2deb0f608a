import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from survey_batch.images import resize as module

RNG = np.random.default_rng(5)


SIZE = st.integers(1, 70)


def resize(images, height, width):
    return module.resize(images, np.empty((len(images), height, width, 3), np.uint8))


def one_by_one(images, height, width):
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)) for image in images]
    )


@st.composite
def stacks(draw, height, width):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    images = rng.integers(0, 256, (draw(st.integers(1, 4)), height, width, 3), dtype=np.uint8)
    overshooting = draw(st.booleans())
    return np.where(images > 127, 255, 0).astype(np.uint8) if overshooting else images


@given(data=st.data(), size=SIZE, target=SIZE, wide=st.integers(1, 2))
@settings(deadline=None, max_examples=200)
def test_squares_and_pairs_equal_those_of_pillow(data, size, target, wide):
    images = data.draw(stacks(size, size * wide))
    np.testing.assert_array_equal(resize(images, target, target * wide), one_by_one(images, target, target * wide))


@given(data=st.data(), shape=st.tuples(SIZE, SIZE), height=SIZE, width=SIZE)
@settings(deadline=None)
def test_any_shape_equals_pillow_s_along_x_and_then_along_y(data, shape, height, width):
    """In one step, newer Pillow versions sometimes take the axes in the other order where the height shrinks."""
    images = data.draw(stacks(*shape))
    expected = one_by_one(one_by_one(images, shape[0], width), height, width)
    np.testing.assert_array_equal(resize(images, height, width), expected)


@pytest.mark.parametrize(
    ("shape", "target"), [((6, 2), (3, 1)), ((10, 3), (4, 1)), ((20, 6), (10, 2)), ((20, 6), (10, 3))]
)
def test_x_comes_first_where_both_shrink_about_alike(shape, target):
    images = RNG.integers(0, 256, (5, *shape, 3), dtype=np.uint8)
    expected = one_by_one(one_by_one(images, shape[0], target[1]), *target)
    np.testing.assert_array_equal(resize(images, *target), expected)


@pytest.mark.parametrize(("shape", "target"), [((64, 64), (224, 224)), ((64, 128), (224, 448)), ((65, 65), (32, 32))])
def test_usual_sizes_equal_those_of_pillow(shape, target):
    images = RNG.integers(0, 256, (5, *shape, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(images, *target), one_by_one(images, *target))


def test_a_row_does_not_depend_on_its_block():
    images = RNG.integers(0, 256, (6, 17, 9, 3), dtype=np.uint8)
    whole = resize(images, 31, 40)
    for row in range(len(images)):
        np.testing.assert_array_equal(whole[row : row + 1], resize(images[row : row + 1], 31, 40))


def test_the_same_size_changes_nothing():
    images = RNG.integers(0, 256, (3, 8, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(resize(images, 8, 9), images)


def test_only_the_given_part_of_an_array_is_written():
    images = RNG.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    whole = np.zeros((2, 16, 40, 3), np.uint8)
    module.resize(images, whole[:, :, 16:32])
    np.testing.assert_array_equal(whole[:, :, 16:32], resize(images, 16, 16))
    assert not whole[:, :, :16].any()
    assert not whole[:, :, 32:].any()


def test_no_images_make_no_images():
    assert resize(np.empty((0, 8, 8, 3), np.uint8), 16, 16).shape == (0, 16, 16, 3)
