"""What a reader of frames says where a survey says nothing else."""

import pytest

from survey_batch.images.reader import ImageReader


class Plain(ImageReader):
    def path(self, field, band):
        return f"{self.file_name(field)}-{band}"

    def read(self, raw, field, band, *, sky):
        raise NotImplementedError

    def ccd(self, field, band):
        raise NotImplementedError


@pytest.mark.parametrize(("field", "step", "there"), [((3, 7), 1, (3, 8)), ((3, 7), -2, (3, 5)), ((7,), 0, (7,))])
def test_neighbours_of_a_strip_differ_in_their_last_number(field, step, there):
    assert Plain(None).beyond(field, step) == there


def test_a_field_is_named_by_its_numbers_and_a_frame_has_one_path():
    reader = Plain(None)
    assert (reader.path((3, 7), "r"), reader.name((3, 7))) == ("3-7-r", "frame 3/7")
    assert reader.other_paths((3, 7), "r", remote=False) == ()


def test_a_reader_without_its_methods_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        ImageReader(None)


class Silent(ImageReader):
    sky_shape = (2, 3)

    def path(self, field, band):
        return ""

    def read(self, raw, field, band, *, sky):
        raise NotImplementedError


def test_the_noise_is_known_where_the_sky_and_the_detector_are():
    class Whole(Plain):
        sky_shape = (2, 3)

    assert Whole(None).knows_noise
    assert not Plain(None).knows_noise
    assert not Silent(None).knows_noise
    with pytest.raises(NotImplementedError, match="Silent does not define ccd"):
        Silent(None).ccd((7,), "r")
