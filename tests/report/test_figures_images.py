"""Examples of images, and the words under them."""

import re

import numpy as np
import pytest

from survey_batch.report.figures_images import composite_section, cutout_section, stamp_section
from survey_batch.report.objects import read_objects
from survey_batch.report.summary import summarize
from survey_batch.store.products import open_group
from tests.report.outputs import cutouts_job, make_cutouts, make_pictures, pictures_job, write_log


def said(section):
    """Text and words of pictures; the pictures themselves are left out."""
    text = re.sub(r"data:image/png;base64,[^\"]*", "", str(section))
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module")
def cutouts(tmp_path_factory):
    job = cutouts_job(tmp_path_factory.mktemp("cutouts"))
    make_cutouts(job, objects=8)
    write_log(job, [])
    return said(cutout_section(open_group(job.output, "cutouts"), read_objects(summarize(job.output))))


def test_each_cutout_has_its_bands_and_a_colour_image(cutouts):
    assert "Cutout of object-1 in the bands u, g, r, i, z, irg, 16 × 16" in cutouts
    assert "colour is i, r, g as red, green, blue" in cutouts
    assert re.search(r"r: median \S+, brightest \S+ nanomaggies at x [78], y [78]", cutouts)


def test_a_band_that_is_not_there_says_so(cutouts):
    assert "i: none of 256 pixels is there" in cutouts


def made(folder, product, survey):
    job = pictures_job(folder, survey, product)
    make_pictures(job, product, objects=8)
    write_log(job, [])
    return job, open_group(job.output, product)


def test_composites_are_described_by_their_recipe_and_their_pixels(tmp_path):
    job, group = made(tmp_path, "composites", "skyserver")
    image = np.zeros((64, 64, 3), np.uint8)
    image[32, 32] = (10, 20, 30)
    group["image"][1] = image
    group["image"].attrs.update({"orientation": "first row at the top", "recipe": "Lupton é"})
    text = said(composite_section(group, read_objects(summarize(job.output))))
    assert "Composite of object-1, 64 × 64" in text
    assert "red, green, blue (of 255) 0, 0, 0 on average and 10, 20, 30 in the middle" in text
    assert "Lupton é; y upwards" in text


def test_a_stamp_with_holes_says_how_much_is_not_there(tmp_path):
    job, group = made(tmp_path, "stamps", "stamps")
    flux = np.ones((16, 16), np.float32)
    flux[:4], flux[9, 3] = np.nan, 5
    group["flux"][2] = flux
    text = said(stamp_section(group, read_objects(summarize(job.output))))
    assert "Stamp of object-2, 16 × 16" in text
    assert "median 1, brightest 5 at x 3, y 9; 25 % not there" in text
