"""The reader of frames: where they are, and what they are called."""

import pytest

from survey_batch.surveys.sdss.camera import ccd
from survey_batch.surveys.sdss.reader import SdssFrames
from tests.jobs import archive_section

FIELD = (301, 94, 1, 11)


@pytest.mark.parametrize(
    ("release", "folder"),
    [
        ("dr17", "eboss"),
        ("dr12", "boss"),
        ("dr8", "boss"),
        ("dr19", "prior-surveys/sdss4-dr17-eboss"),
    ],
)
def test_a_frame_is_looked_for_where_its_release_has_it(release, folder):
    reader = SdssFrames(archive_section("sdss", root="-", release=release))
    assert reader.path(FIELD, "r") == f"{folder}/photoObj/frames/301/94/1/frame-r-000094-1-0011.fits.bz2"
    others = reader.other_paths(FIELD, "r", remote=False)
    assert set(reader.other_paths(FIELD, "r", remote=True)) <= set(others)
    assert all("frame-r-000094-1-0011.fits" in path for path in others)


def test_fields_have_names_for_files_and_for_people_and_neighbours():
    reader = SdssFrames(archive_section("sdss", root="-"))
    assert reader.file_name(FIELD) == "000094-1-0011"
    assert reader.name(FIELD) == "frame 301/94/1/0011"
    assert reader.beyond(FIELD, -1) == (301, 94, 1, 10)
    assert reader.ccd(FIELD, "u") == ccd(94, 1, "u")
