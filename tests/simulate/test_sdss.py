"""The simulated imaging archive."""

import bz2
import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from survey_batch.core.errors import ConfigurationError
from survey_batch.simulate import simulate_sdss
from survey_batch.surveys.sdss.files import OVERLAP_ROWS, FieldKey, frame_path, read_frame

SHAPE = (320, 300)
FIELDS = range(100, 103)


def open_frame(root: Path, field: int, band: str):
    raw = (root / frame_path(FieldKey(301, 9001, 3, field), band)).read_bytes()
    return fits.open(io.BytesIO(bz2.decompress(raw)))


def read_catalog(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def hashes(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdss")
    simulate_sdss(folder, fields=3, objects=40, shape=SHAPE, invalid=7)
    return folder


@pytest.fixture(scope="module")
def catalog(root):
    return read_catalog(root / "sources.csv")


def test_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulate_sdss(tmp_path / name, fields=2, objects=20, shape=(200, 150), bands="ur", invalid=3)
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")


def test_another_seed_gives_other_files_under_the_same_names(tmp_path):
    for seed in (1, 2):
        simulate_sdss(tmp_path / str(seed), fields=1, objects=20, shape=(200, 150), bands="r", seed=seed)
    first, second = hashes(tmp_path / "1"), hashes(tmp_path / "2")
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] == second[name]] == ["fields.csv"]


def test_every_frame_lies_where_the_archive_has_it(root):
    expected = {frame_path(FieldKey(301, 9001, 3, field), band) for field in FIELDS for band in "ugriz"}
    assert set(hashes(root)) == expected | {"sources.csv", "fields.csv"}


@pytest.mark.parametrize("band", "ugriz")
def test_fields_agree_where_they_overlap(root, band):
    last = open_frame(root, 100, band)[0].data[-OVERLAP_ROWS:]
    first = open_frame(root, 101, band)[0].data[:OVERLAP_ROWS]
    difference = np.abs(last - first)
    assert np.median(difference) < 5e-5
    # Rounding to 10 binary digits can go either way once the skies differ.
    assert (difference <= 1e-4 + 2.0**-8 * np.abs(last)).all()
    assert difference.any()


@pytest.mark.parametrize("band", "ugriz")
def test_neighbours_wcs_agree_to_a_hundredth_of_a_pixel(root, band):
    here, there = (WCS(open_frame(root, field, band)[0].header) for field in (100, 101))
    step = SHAPE[0] - OVERLAP_ROWS
    x, y = np.meshgrid(np.linspace(0, SHAPE[1] - 1, 9), np.linspace(step, SHAPE[0] - 1, 5))
    x2, y2 = there.world_to_pixel_values(*here.pixel_to_world_values(x, y))
    np.testing.assert_allclose(x2, x, atol=0.01)
    np.testing.assert_allclose(y2, y - step, atol=0.01)


def centroid(image, x, y, half=7):
    rows, columns = np.mgrid[round(y) - half : round(y) + half + 1, round(x) - half : round(x) + half + 1]
    for _ in range(20):
        weight = image[rows, columns] * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
        x += 2 * ((weight * columns).sum() / weight.sum() - x)
        y += 2 * ((weight * rows).sum() / weight.sum() - y)
    return x, y


@pytest.mark.parametrize("band", "ugriz")
def test_stars_lie_where_catalogue_and_wcs_say(tmp_path, band):
    path = simulate_sdss(tmp_path, fields=1, objects=60, shape=(700, 700), bands=band, seed=3)
    header, image = open_frame(tmp_path, 100, band)[0].header, open_frame(tmp_path, 100, band)[0].data
    stars = read_catalog(path)
    x, y = WCS(header).world_to_pixel_values(*(np.array([float(s[k]) for s in stars]) for k in ("ra", "dec")))
    bright = [
        i
        for i, star in enumerate(stars)
        if star["class"] == "STAR" and float(star[band]) < (19.5 if band == "u" else 18.5)
        and 20 < x[i] < 679 and 20 < y[i] < 679
        and np.sort(np.hypot(x - x[i], y - y[i]))[1] > 25
    ]  # fmt: skip
    assert bright
    for i in bright:
        found = centroid(image, float(x[i]), float(y[i]))
        assert np.hypot(found[0] - x[i], found[1] - y[i]) < 0.1


def test_aperture_magnitudes_are_those_of_the_catalogue(tmp_path):
    path = simulate_sdss(tmp_path, fields=1, objects=30, shape=(900, 900), bands="r", seed=5)
    hdu, stars = open_frame(tmp_path, 100, "r")[0], read_catalog(path)
    x, y = WCS(hdu.header).world_to_pixel_values(*(np.array([float(s[k]) for s in stars]) for k in ("ra", "dec")))
    rows, columns = np.indices(hdu.shape)
    alone = [
        i
        for i, star in enumerate(stars)
        if star["class"] == "STAR" and float(star["r"]) < 19
        and 30 < x[i] < 869 and 30 < y[i] < 869 and np.sort(np.hypot(x - x[i], y - y[i]))[1] > 60
    ]  # fmt: skip
    assert alone
    for i in alone:
        flux = hdu.data[np.hypot(columns - x[i], rows - y[i]) < 18].sum()
        assert 22.5 - 2.5 * np.log10(flux) == pytest.approx(float(stars[i]["r"]), abs=0.1)


def test_catalogue_rows_name_the_frame_that_holds_them(root, catalog):
    valid = [row for row in catalog if int(row["objid"]) < 2 << 59]
    assert len(valid) == 40
    for row in valid:
        header = open_frame(root, int(row["field"]), "r")[0].header
        x, y = WCS(header).world_to_pixel_values(float(row["ra"]), float(row["dec"]))
        assert -0.5 < x < SHAPE[1] - 0.5
        assert -0.5 < y < SHAPE[0] - 0.5


def test_identifiers_are_unique_and_hold_the_frame_key(catalog):
    ids = [int(row["objid"]) for row in catalog]
    assert len(set(ids)) == len(ids) == 47
    for number, row in zip(ids, catalog, strict=True):
        if number < 2 << 59:
            assert (number >> 32 & 0xFFFF, number >> 29 & 7, number >> 16 & 0xFFF) == (
                9001,
                3,
                int(row["field"]),
            )


def test_invalid_rows_are_added_and_cannot_be_used(catalog):
    bad = [row for row in catalog if int(row["objid"]) >= 2 << 59]
    assert len(bad) == 7
    for row in bad:
        place = row["ra"] and row["dec"] and 0 <= float(row["ra"]) < 360 and abs(float(row["dec"])) <= 90
        assert not (place and row["field"] and int(row["run"]) > 0)


def test_frames_of_the_full_size_are_read_as_real_ones(tmp_path):
    simulate_sdss(tmp_path, fields=1, objects=30, bands="i")
    key = FieldKey(301, 9001, 3, 100)
    raw = (tmp_path / frame_path(key, "i")).read_bytes()
    assert 2_500_000 < len(raw) < 4_500_000
    frame = read_frame(bz2.decompress(raw), key, "i")
    assert np.isfinite(frame.image).all()
    assert frame.calibration.mean() == pytest.approx(0.00636, rel=0.01)
    night = Time("2001-12-18", scale="tai").mjd
    assert night < frame.mjd_tai < night + 1


@pytest.mark.slow
def test_file_structure_is_that_of_a_real_frame(tmp_path, real_data):
    key = FieldKey(301, 2820, 3, 122)
    simulate_sdss(tmp_path, fields=1, objects=5, bands="g", run=2820, first_field=122)
    real, ours = (
        fits.open(io.BytesIO(bz2.decompress((folder / frame_path(key, "g")).read_bytes())))
        for folder in (real_data / "sdss", tmp_path)
    )
    assert len(real) == len(ours)
    for theirs, mine in zip(real[:2], ours[:2], strict=True):
        assert (mine.data.shape, mine.data.dtype) == (theirs.data.shape, theirs.data.dtype)
    for theirs, mine in zip(real[2:], ours[2:], strict=True):
        assert mine.data.dtype == theirs.data.dtype
    for name in (
        "RUN",
        "FRAME",
        "CAMCOL",
        "FILTER",
        "RERUN",
        "EXPTIME",
        "BUNIT",
        "CCDLOC",
        "CTYPE1",
        "CRPIX1",
        "CRPIX2",
    ):
        assert ours[0].header[name] == real[0].header[name], name
    for name in ("CD1_2", "CD2_1"):
        assert ours[0].header[name] == pytest.approx(real[0].header[name], rel=0.001)
    assert set(ours[0].header) - {"NODE"} <= set(real[0].header)
    low_bits = [np.bitwise_or.reduce(hdus[0].data.astype("f4").view("u4"), axis=None) & 0x3FFF for hdus in (real, ours)]
    assert low_bits == [0, 0]


@pytest.mark.slow
def test_noise_is_that_of_a_real_frame(tmp_path, real_data):
    key = FieldKey(301, 2820, 3, 122)
    simulate_sdss(tmp_path, fields=1, objects=200, run=2820, first_field=122, bands="z")
    widths = []
    for folder in (real_data / "sdss", tmp_path):
        image = fits.getdata(io.BytesIO(bz2.decompress((folder / frame_path(key, "z")).read_bytes())))
        widths.append(np.median(np.abs(image - np.median(image))))
    assert widths[1] == pytest.approx(widths[0], rel=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": 0},
        {"objects": -1},
        {"bands": "rr"},
        {"bands": "x"},
        {"camcol": 7},
        {"run": 70000},
        {"first_field": 4095},
        {"seed": -1},
        {"shape": (128, 9)},
    ],
)
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        simulate_sdss(tmp_path, **wrong)
