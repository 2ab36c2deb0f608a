"""Lists of tiles in their several forms, and what is wrong with others."""

import numpy as np
import pytest
from astropy.io import fits

from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys.fits_images.tiles import read_tiles
from tests.image_files import file_of, header, image, pixels
from tests.jobs import archive_section, write_catalog


def listed(tmp_path, rows, root="https://example.org/a", **keys):
    """Read a list of tiles."""
    keys = {"path": "{brick}.fits", **keys}
    path = write_catalog(tmp_path / "tiles.csv", rows)
    return read_tiles(archive_section("fits-images", root=str(root), tiles=str(path), **keys))


FORMS = {
    "middle": {"ra": "0.05", "dec": "60"},
    "box": {"ra1": "359.8", "ra2": "0.3", "dec1": "59.875", "dec2": "60.125"},
    "corners": {
        "ra0": "359.801",
        "ra1": "0.299",
        "ra2": "0.301",
        "ra3": "359.799",
        "dec0": "59.875",
        "dec1": "59.875",
        "dec2": "60.125",
        "dec3": "60.125",
    },
}


ZIGZAG = ((0, 0), (1, 1), (2, 3), (3, 2))
"""Numbers of corners, row by row, and those around the image."""


@pytest.mark.parametrize("form", FORMS)
def test_a_list_says_where_a_tile_is_in_one_of_three_ways(tmp_path, form):
    tiles = listed(tmp_path, [{"brick": "b", **FORMS[form]}], tile_size=0.25)
    found = tiles.find(np.array([0.05, 0.2, 359.85, 0.05, 0.05, 0.4]), np.array([60.0, 60, 60, 60.1, 60.2, 60]))
    assert found.index.tolist() == [0, 0, 0, 0, -1, -1]
    np.testing.assert_allclose(found.distance[4:], [0.075, 0.05], atol=2e-3)
    assert tiles.key["file"].to_pylist() == ["b.fits"]


def test_corners_are_put_in_order_around_the_image(tmp_path):
    row = {f"{axis}{number}": FORMS["corners"][f"{axis}{place}"] for axis in ("ra", "dec") for number, place in ZIGZAG}
    found = listed(tmp_path, [{"brick": "b", **row}]).find(np.array([0.05, 359.85, 0.4]), np.array([60.1, 59.9, 60]))
    assert found.index.tolist() == [0, 0, -1]


@pytest.mark.parametrize(
    "wrong", [{"ra2": "359.8", "dec2": "59.875"}, {"ra2": "359.8"}, {"dec2": "95"}, {"dec1": "1e300"}]
)
def test_a_tile_that_covers_nothing_is_left_out(tmp_path, wrong):
    tiles = listed(tmp_path, [{"brick": "b", **FORMS["box"], **wrong}, {"brick": "c", **FORMS["box"]}])
    assert (tiles.left_out, tiles.key["file"].to_pylist()) == (1, ["c.fits"])


def test_rows_without_a_name_or_a_place_are_left_out_and_counted(tmp_path):
    rows = [{"brick": "b", **FORMS["box"]}, {"brick": "", **FORMS["box"]}, {"brick": "c", **FORMS["box"], "ra1": ""}]
    assert listed(tmp_path, rows).left_out == 2


def test_the_headers_of_a_folder_s_images_tell_if_the_list_does_not(tmp_path):
    (tmp_path / "b-R2.fits").write_bytes(image())
    (tmp_path / "c-R2.fits").write_bytes(b"nothing")
    rows = [{"brick": name} for name in "bcd"]
    tiles = listed(tmp_path, rows, tmp_path, path="{brick}-{band}.fits", filters={"r": "R2"})
    assert tiles.left_out == 2
    found = tiles.find(np.array([150.0, 150.0]), np.array([40.0, 40.1]))
    assert found.index.tolist() == [0, -1]


@pytest.mark.parametrize("card", [b"TFIELDS =", b"NAXIS   ="])
def test_a_tile_whose_header_would_stop_the_process_is_left_out(tmp_path, card):
    packed = file_of(fits.PrimaryHDU(), fits.CompImageHDU(pixels(), header()))
    at = packed.index(card) + 10
    (tmp_path / "b.fits").write_bytes(packed[:at] + b"1000000000000".rjust(20) + packed[at + 20 :])
    (tmp_path / "c.fits").write_bytes(packed)
    tiles = listed(tmp_path, [{"brick": "b"}, {"brick": "c"}], tmp_path)
    assert (tiles.left_out, tiles.key["file"].to_pylist()) == (1, ["c.fits"])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"name": "b", **FORMS["box"]}], "has no column brick, by which images are named; it has name, ra1"),
        ([{"brick": "b"}], r"does not say where the images are .*add columns ra1, ra2, dec1, dec2.*in a folder only"),
        ([{"brick": "b", **FORMS["box"], "ra1": "x"}], "lists no image with its place on the sky"),
    ],
)
def test_a_table_that_is_no_list_of_tiles_is_refused(tmp_path, rows, said):
    with pytest.raises(ConfigurationError, match=said):
        listed(tmp_path, rows)


def test_a_list_that_is_not_there_is_refused_by_its_key():
    with pytest.raises(ConfigurationError, match="archive.tiles: "):
        read_tiles(archive_section("fits-images", root="-", tiles="nowhere.csv"))
