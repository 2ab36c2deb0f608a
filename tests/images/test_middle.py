import numpy as np

from survey_batch.images.middle import middle


def test_the_middle_of_even_images_is_symmetric_and_smaller_ones_stay_whole():
    image = np.arange(48).reshape(6, 8)
    np.testing.assert_array_equal(middle(image, 4), image[1:5, 2:6])
    np.testing.assert_array_equal(middle(image, 7), image[:, :7])
    np.testing.assert_array_equal(middle(np.stack([image] * 2), 4)[1], image[1:5, 2:6])
