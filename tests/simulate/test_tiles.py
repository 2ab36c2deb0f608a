"""Simulated tiles: real file structure, and stars where the catalogue says."""

import csv

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from survey_batch.core.errors import ConfigurationError
from survey_batch.simulate.tiles import BAD_COLUMN, FULL, NOISE, OVERLAP, SATURATED, simulate_tiles


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_stars_have_their_light_where_the_catalogue_says(tmp_path):
    catalog = simulate_tiles(tmp_path, objects=6, fields=2, bands="r", shape=(200, 240))
    assert len(rows_of(catalog)) == 6
    for row in rows_of(catalog):
        with fits.open(tmp_path / row["brick"] / f"image-{row['brick']}-r.fits.fz") as file:
            wcs, data = WCS(file[1].header), file[1].data
        x, y = (float(value) for value in wcs.all_world2pix(float(row["ra"]), float(row["dec"]), 0))
        if 10 < x < 230 and 10 < y < 190:
            light = data[round(y) - 8 : round(y) + 9, round(x) - 8 : round(x) + 9].sum()
            assert light > 0.9 * 10 ** ((22.5 - float(row["mag_r"])) / 2.5)


def test_neighbouring_tiles_overlap_and_the_same_arguments_make_the_same_pixels(tmp_path):
    for name in ("a", "b"):
        simulate_tiles(tmp_path / name, objects=3, fields=2, bands="g", shape=(60, 100))
    first, second = (row["brick"] for row in rows_of(tmp_path / "a" / "bricks.csv"))
    with fits.open(tmp_path / "a" / first / f"image-{first}-g.fits.fz") as file:
        there = WCS(file[1].header).all_pix2world(100 - OVERLAP, 30, 0)
        pixels = file[1].data
    with fits.open(tmp_path / "a" / second / f"image-{second}-g.fits.fz") as file:
        np.testing.assert_allclose(WCS(file[1].header).all_world2pix(*there, 0), [0, 30], atol=0.01)
    with fits.open(tmp_path / "b" / first / f"image-{first}-g.fits.fz") as file:
        np.testing.assert_array_equal(file[1].data, pixels)


def test_noise_and_masks_lie_beside_the_images(tmp_path):
    catalog = simulate_tiles(tmp_path, objects=30, fields=1, bands="gr", shape=(200, 240))
    brick = rows_of(catalog)[0]["brick"]

    def read(name):
        with fits.open(tmp_path / brick / f"{name}.fits.fz") as file:
            return file[1].data

    images = np.stack([read(f"image-{brick}-{band}") for band in "gr"])
    ivar, mask = read(f"invvar-{brick}-r"), read(f"maskbits-{brick}")
    bad = mask & 1 << BAD_COLUMN != 0
    assert bad.sum() == 200
    assert bad.any(axis=0).sum() == 1
    assert (ivar[bad] == 0).all()
    dark = (np.abs(images[1]) < 3 * NOISE) & ~bad
    assert ivar[dark].mean() == pytest.approx(1 / images[1][dark].var(), rel=0.1)
    full = mask & 1 << SATURATED != 0
    assert full.any()
    assert abs(images.max(axis=0)[full].min() - FULL) < 0.1 * FULL


@pytest.mark.parametrize("wrong", [{"objects": -1}, {"fields": 0}, {"bands": ""}, {"shape": (10, 100)}])
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="simulate_tiles"):
        simulate_tiles(tmp_path, **wrong)
