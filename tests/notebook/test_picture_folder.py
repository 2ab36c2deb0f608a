"""A folder of pictures has one for each object with data, under its split and class, and says what it lacks."""

import csv

import fsspec
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from PIL import Image

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.notebook.picture_folder import write_pictures
from survey_batch.store.products import open_group
from tests.report.outputs import cutouts_job, make_cutouts, make_pictures, pictures_job

LABELS = np.array(["GALAXY", "O8e (188001)", "o8E/188001", ""], object)
OBJECTS = 16


@pytest.fixture
def output(tmp_path):
    """Cutouts of 16 objects in two shards: every fourth is partial and for testing; the last was not found."""
    job = cutouts_job(tmp_path / "out")
    make_cutouts(job, OBJECTS)
    group = open_group(job.output, "cutouts")
    rows = np.arange(OBJECTS)
    group["label"][:] = LABELS[rows % 4]
    group["split"][:] = np.where(rows % 4 == 0, "test", np.where(rows % 4 == 3, "", "train")).astype(object)
    group["object_id"][:] = np.array([f"{row}/{'x' * row}" for row in rows], object)
    group["status"][OBJECTS - 1 :] = np.array([Status.NOT_FOUND], np.uint8)
    return job.output


def listed(folder):
    with (folder / "pictures.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_pictures_lie_under_split_and_class_and_the_list_has_every_object(output, tmp_path):
    said = []
    folder, count = write_pictures(output, "png", str(tmp_path / "made"), said.append)
    assert (folder, count) == (str(tmp_path / "made"), OBJECTS - 1)
    assert {str(path.parent.relative_to(folder)) for path in (tmp_path / "made").rglob("*.png")} == {
        "test/GALAXY", "train/O8e_188001", "train/o8E_188001_2", ".",
    }  # fmt: skip
    rows = listed(tmp_path / "made")
    assert [row["status"] for row in rows] == ["partial", "ok", "ok", "ok"] * 3 + ["partial", "ok", "ok", "not_found"]
    assert [row["object_id"] for row in rows] == [f"{row}/{'x' * row}" for row in range(OBJECTS)]
    assert {row["picture"] for row in rows} - {""} == {
        str(path.relative_to(folder)) for path in (tmp_path / "made").rglob("*.png")
    }
    assert rows[-1]["picture"] == ""
    assert said == [
        "without a picture: 1 not_found",
        "pictures of partial objects, of which some pixels are missing: 4",
        "pictures of objects without a split, outside its folders: 3",
        "pictures of objects without a label, outside its folders: 3",
        "the folder of class 'O8e (188001)' is O8e_188001",
        "the folder of class 'o8E/188001' is o8E_188001_2",
    ]


@pytest.mark.parametrize(("form", "ending"), [("png", "png"), ("jpeg", "jpg")])
def test_a_picture_is_what_the_object_looks_like_in_a_notebook(output, tmp_path, form, ending):
    write_pictures(output, form, str(tmp_path / "made"))
    cutouts = sb.open_product(output, "cutouts")
    with Image.open(tmp_path / "made" / f"train/O8e_188001/9%2F{'x' * 9}.{ending}") as picture:
        assert (picture.mode, picture.size, picture.format) == ("RGB", (16, 16), form.upper())
        difference = np.asarray(picture, int) - np.asarray(cutouts.sb.to_image(9))
    assert np.abs(difference).max() == 0 if form == "png" else np.abs(difference).mean() < 20


def test_blocks_of_few_objects_give_the_same_pictures(output, tmp_path, monkeypatch):
    write_pictures(output, "png", str(tmp_path / "whole"))
    monkeypatch.setattr("survey_batch.notebook.picture_folder.BLOCK_BYTES", 20_000)
    write_pictures(output, "png", str(tmp_path / "blocks"))
    files = {path.relative_to(tmp_path / "whole"): path.read_bytes() for path in (tmp_path / "whole").rglob("*.*g")}
    assert len(files) == OBJECTS - 1
    assert all((tmp_path / "blocks" / name).read_bytes() == data for name, data in files.items())


def test_fits_files_have_all_bands_that_are_there_and_their_wcs(output, tmp_path):
    group = open_group(output, "cutouts")
    group["crval"][1:2] = np.full((1, 5, 2), [150.0, 2.0])
    group["crpix"][1:2] = np.full((1, 5, 2), 8.0)
    group["cd"][1:2] = np.broadcast_to(np.eye(2) * 1e-4, (1, 5, 2, 2))
    write_pictures(output, "fits", str(tmp_path / "made"))
    at = sb.wcs(sb.open_product(output, "cutouts"), 1, "r").pixel_to_world(0, 0)
    with fits.open(tmp_path / "made" / "train/O8e_188001/1%2Fx.fits") as file:
        assert [hdu.name for hdu in file] == ["PRIMARY", *"UGRIZ"]
        assert np.array_equal(file["R"].data, group["flux"][1, 2])
        assert WCS(file["R"].header).pixel_to_world(0, 0).separation(at).arcsec < 1e-6


def test_a_url_takes_the_folder_and_the_notebook_writes_it_too(output, capsys):
    folder = sb.open(output).export_pictures("memory://pictures/stars")
    assert "without a picture: 1 not_found" in capsys.readouterr().out
    filesystem = fsspec.filesystem("memory")
    assert folder == "memory://pictures/stars"
    assert len(filesystem.find("/pictures/stars")) == OBJECTS  # with the list


def test_an_earlier_folder_is_replaced_and_another_one_is_refused(output, tmp_path):
    folder = tmp_path / "out" / "pictures"
    write_pictures(output)
    open_group(output, "cutouts")["label"][:] = np.full(OBJECTS, "STAR", object)
    write_pictures(output)
    assert not (folder / "test" / "GALAXY").exists()
    assert len(list((folder / "test" / "STAR").iterdir())) == 4
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigurationError, match="no folder of pictures: name another folder"):
        write_pictures(output, "png", str(tmp_path / "mine"))


def test_a_folder_of_the_user_s_own_is_never_replaced(output, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "pictures.csv").write_text("my,own,table\n")
    with pytest.raises(ConfigurationError, match="something is there that is no folder of pictures"):
        write_pictures(output, "png", str(mine))
    assert (mine / "pictures.csv").read_text() == "my,own,table\n"


def test_ids_and_classes_that_file_names_do_not_tell_apart_have_files_of_their_own(output, tmp_path):
    group, rows = open_group(output, "cutouts"), np.arange(OBJECTS)
    ids = ["a", "A", "....", "é" * 300, "é" * 299, *map(str, rows[5:])]
    group["object_id"][:] = np.array(ids, object)
    group["label"][:] = np.where(rows % 2, "train", "星系").astype(object)
    group["split"][:] = np.full(OBJECTS, "train", object)
    write_pictures(output, "png", str(tmp_path / "made"))
    found = listed(tmp_path / "made")
    pictures = [row["picture"] for row in found if row["picture"]]
    assert len({picture.lower() for picture in pictures}) == OBJECTS - 1
    assert all((tmp_path / "made" / picture).is_file() for picture in pictures)
    assert {picture.split("/")[1] for picture in pictures} == {"train_2", "%E6%98%9F%E7%B3%BB"}
    assert [row["object_id"] for row in found] == ids


def test_a_product_of_which_nothing_is_done_is_not_drawn(output):
    make_pictures(pictures_job(output, "skyserver", "composites"), "composites", OBJECTS)
    assert write_pictures(output)[1] == OBJECTS
    open_group(output, "composites")["status"][:] = np.full(OBJECTS, Status.PENDING, np.uint8)
    assert write_pictures(output)[1] == OBJECTS - 1, "the cutouts"
    open_group(output, "cutouts")["status"][:] = np.full(OBJECTS, Status.PENDING, np.uint8)
    with pytest.raises(ConfigurationError, match="composites and cutouts, but no object in them is ok or partial"):
        write_pictures(output)
    assert len(list(sb.open(output).products)) == 2


def test_what_cannot_be_drawn_is_refused_before_anything_is_written(output, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"holds no composites and no cutouts and no stamps \(there: nothing\)"
    ):
        write_pictures(str(tmp_path), "png")
    two = sb.open_product(output, "cutouts").isel(band=[0, 4])
    with pytest.raises(ConfigurationError, match="cutouts in u, z make no colour picture, which takes i, r, g"):
        two.sb.to_image(0)
    with pytest.raises(ConfigurationError, match="no band 'r'; the bands are u, z"):
        two.sb.to_image(0, "r")
    assert two.sb.to_image(1, "z").mode == two.isel(band=[1]).sb.to_image(1).mode == "L"


@pytest.mark.slow
def test_keras_reads_the_folder_of_a_split(output, tmp_path):
    import keras

    write_pictures(output, "png", str(tmp_path / "made"))
    data = keras.utils.image_dataset_from_directory(tmp_path / "made" / "train", image_size=(16, 16), batch_size=None)
    assert data.class_names == ["O8e_188001", "o8E_188001_2"]
    cutouts = sb.open_product(output, "cutouts")
    drawn = {np.asarray(cutouts.sb.to_image(row)).astype(float).tobytes(): LABELS[row % 4] for row in range(OBJECTS)}
    found = [(drawn[image.numpy().astype(float).tobytes()], int(label)) for image, label in data]
    assert sorted(set(found)) == [("O8e (188001)", 0), ("o8E/188001", 1)]
    assert len(found) == 8
