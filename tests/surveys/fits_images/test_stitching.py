"""Windows beyond the edge of an image are filled from others on its pixel grid, and only from these."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.images.quality import NO_DATA
from survey_batch.planning.plan import make_plan
from survey_batch.stages import tile_stitching
from survey_batch.store.notes import collect_problems
from survey_batch.store.problems import read_problems
from tests.image_files import SIP, file_of, header, pixels
from tests.jobs import write_catalog
from tests.surveys.fits_images.test_job import SIZE, done, job

WHOLE = (140, 170)
TILES = {"a": (0, 0), "b": (80, 0), "c": (0, 60), "d": (80, 60)}
"""First column and row of each tile in an image of the whole sky; tiles overlap by 20 columns and rows or fewer."""
SHAPE = (80, 100)
SKY, NOISE = pixels(11, WHOLE), np.abs(pixels(12, WHOLE)) + 1


def mask():
    return np.random.default_rng(13).integers(0, 4, WHOLE).astype(np.int16)


def cards(x, y, projection="TAN", **more):
    made = header(projection, **more)
    made["CRPIX1"], made["CRPIX2"] = 85.5 - x, 70.0 - y
    return made


def write_tiles(root, tiles=TILES, seed=None, **more):
    """Cut tiles out of the whole sky; with a seed, each has a sky of its own."""
    for number, (name, (x, y)) in enumerate(tiles.items()):
        here = slice(y, y + SHAPE[0]), slice(x, x + SHAPE[1])
        hdus = [fits.ImageHDU(SKY[here] + (seed or 0) * number, cards(x, y, **more), name="SCI")]
        hdus += [fits.ImageHDU(NOISE[here], name="IVAR"), fits.ImageHDU(mask()[here], name="MASK")]
        (root / f"{name}.fits").write_bytes(file_of(fits.PrimaryHDU(), *hdus))
    write_catalog(root / "tiles.csv", [{"file": f"{name}.fits"} for name in tiles])


def rows_at(places, projection="TAN", **more):
    wcs = WCS(cards(0, 0, projection, **more))
    positions = [(float(one) for one in wcs.all_pix2world(x, y, 0)) for x, y in places]
    return [{"object_id": str(n), "ra": repr(ra), "dec": repr(dec)} for n, (ra, dec) in enumerate(positions)]


def made_of(root, output, rows, **keys):
    planes = {"noise": "ivar", "noise_hdu": "IVAR", "mask_hdu": "MASK", "mask_bits": "all", "hdu": "SCI"}
    catalog = write_catalog(root / f"{output.name}.csv", rows)
    made = job(catalog, root, output, **planes, tiles=str(root / "tiles.csv"), **keys)
    return made.model_copy(update={"cutouts": made.cutouts.model_copy(update={"ivar": True})})


def cut_by_astropy(data, place, beyond):
    return Cutout2D(data, place, SIZE, mode="partial", fill_value=beyond).data


PLACES = [(89.3, 30.2), (90.4, 70.7), (95.2, 20.6), (90.2, 68.4), (30.3, 66.6), (30.4, 20.2), (2.2, 3.4)]


@pytest.mark.parametrize("distortion", [{}, {"projection": "TAN-SIP", **SIP}])
def test_a_window_on_several_tiles_is_the_one_that_astropy_cuts_from_the_whole(tmp_path, distortion):
    if distortion:  # its reference pixel is the same place of the sky in all tiles, so the tiles are on one grid
        distortion = {name: value / 100 if name[-1].isdigit() else value for name, value in distortion.items()}
    write_tiles(tmp_path, **distortion)
    found = done(made_of(tmp_path, tmp_path / "out", rows_at(PLACES, **distortion)))
    order = [int(name) for name in found.object_id.values.tolist()]
    for number, which in enumerate(order):
        flags = cut_by_astropy(mask().astype(np.int32), PLACES[which], NO_DATA)
        np.testing.assert_array_equal(found.flux.values[number, 0], cut_by_astropy(SKY, PLACES[which], np.nan))
        np.testing.assert_array_equal(found["mask"].values[number, 0], flags)
        weights = np.where(flags == 0, cut_by_astropy(NOISE, PLACES[which], 0), 0)
        np.testing.assert_array_equal(found["ivar"].values[number, 0], weights)
    status = dict(zip(order, found.status.values.tolist(), strict=True))
    assert status == {**dict.fromkeys(range(len(PLACES)), Status.OK), len(PLACES) - 1: Status.PARTIAL}
    beyond = dict(zip(order, found.source_beyond.values.tolist(), strict=True))
    assert beyond[5] == ""
    assert len(beyond[1].split()) == 3, "a corner has pixels of four tiles"


def test_pixels_of_the_serving_tile_are_kept_and_rows_do_not_depend_on_each_other(tmp_path):
    write_tiles(tmp_path, seed=100)
    rows = rows_at(PLACES)
    together = done(made_of(tmp_path, tmp_path / "all", rows))
    place = {name: number for number, name in enumerate(together.object_id.values.tolist())}
    for row in rows[1:6:2]:
        alone = done(made_of(tmp_path, tmp_path / f"out{row['object_id']}", [row]))
        for name in ("flux", "ivar", "mask", "source_file", "source_beyond"):
            np.testing.assert_array_equal(alone[name].values[0], together[name].values[place[row["object_id"]]])
        x, y = TILES[str(alone.source_file.values[0])[0]]
        number = list(TILES).index(str(alone.source_file.values[0])[0])
        own = np.full(WHOLE, np.nan, np.float32)
        own[y : y + SHAPE[0], x : x + SHAPE[1]] = SKY[y : y + SHAPE[0], x : x + SHAPE[1]] + 100 * number
        own = cut_by_astropy(own, PLACES[int(row["object_id"])], np.nan)
        np.testing.assert_array_equal(alone.flux.values[0, 0][np.isfinite(own)], own[np.isfinite(own)])


@pytest.mark.parametrize("shift", [0.002, 0.5])
def test_tiles_on_another_grid_fill_nothing(tmp_path, shift):
    write_tiles(tmp_path)
    x, y = TILES["b"]
    raw = file_of(
        fits.PrimaryHDU(),
        *(
            fits.ImageHDU(data[y : y + SHAPE[0], x : x + SHAPE[1]], cards(x + shift, y), name=name)
            for name, data in (("SCI", SKY), ("IVAR", NOISE), ("MASK", mask()))
        ),
    )
    (tmp_path / "b.fits").write_bytes(raw)
    found = done(made_of(tmp_path, tmp_path / "out", rows_at([(89.3, 30.2)])))
    assert found.source_beyond.values.tolist() == [""]
    assert found.status.values.tolist() == [Status.PARTIAL]
    assert (found["mask"].values[0, 0] == NO_DATA).any()


def test_a_tile_that_is_missing_beyond_the_edge_is_told_unless_others_have_its_pixels(tmp_path):
    write_tiles(tmp_path)
    (tmp_path / "b.fits").unlink()
    (tmp_path / "d.fits").write_bytes((tmp_path / "d.fits").read_bytes()[: -2880 * 9])
    rows = rows_at([(89.3, 30.2), (89.3, 110.2)])
    for row, name in zip(rows, "ac", strict=True):
        row["file"] = f"{name}.fits"
    made = made_of(tmp_path, tmp_path / "out", rows)
    write_catalog(
        tmp_path / "tiles.csv",
        [{"file": f"{name}.fits", "ra1": "149.9", "ra2": "150.1", "dec1": "39.9", "dec2": "40.1"} for name in TILES],
    )
    found = done(made)
    assert found.status.values.tolist() == [Status.PARTIAL, Status.PARTIAL]
    collect_problems(made.output)
    said = {row["object_id"]: row["message"] for row in read_problems(made.output).to_pylist()}
    assert "the archive has no image b.fits[SCI] beyond the edge" in said["0"]
    assert "neighbouring image d.fits[SCI] (r): " in said["1"]
    assert "cut short" in said["1"]


def test_only_images_that_cover_what_is_beyond_the_edge_are_read(tmp_path, monkeypatch):
    write_tiles(tmp_path)
    asked = []
    others = tile_stitching._others

    def watched(*given):
        for key, touched in others(*given):
            asked.append(key[0])
            yield key, touched

    monkeypatch.setattr(tile_stitching, "_others", watched)
    done(made_of(tmp_path, tmp_path / "out", rows_at([(89.3, 30.2), (30.4, 20.2)])))
    assert set(asked) <= {"a.fits", "b.fits"}
    assert len(asked) == 1


def test_a_list_that_is_not_there_is_refused_by_the_plan_also_where_the_catalogue_names_the_images(tmp_path):
    write_tiles(tmp_path)
    (tmp_path / "tiles.csv").unlink()
    rows = [{**row, "file": "a.fits"} for row in rows_at(PLACES[:1])]
    with pytest.raises(ConfigurationError, match="archive.tiles: "):
        make_plan(made_of(tmp_path, tmp_path / "out", rows))
