"""Jobs of the survey: what is cut is what astropy cuts, and each object whose image cannot be had says why."""

import bz2
import csv
import gzip

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

import survey_batch as sb
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.simulate.tiles import simulate_tiles
from survey_batch.stages import make_stages
from survey_batch.store.notes import collect_problems
from survey_batch.store.problems import read_problems
from survey_batch.store.products import create_product
from tests.image_files import SHAPE, SIP, TPV, file_of, header, image, pixels
from tests.jobs import write_catalog

SIZE = 24


def job(catalog, root, output, stages=("cutouts",), bands="r", size=SIZE, **archive):
    tables = {"name": "t", "output": str(output), "stages": list(stages), "catalog": {"path": str(catalog)}}
    tables["archive"] = {"survey": "fits-images", "root": str(root), **archive}
    return Job.model_validate({**tables, "frames": {"bands": bands}, "cutouts": {"size": size}})


def done(made):
    """Make the job's products in this process; return the first."""
    plan = make_plan(made)
    plan.store()
    for stage in make_stages(made):
        stage.check()
        stage.check_plan(plan)
        create_product(made.output, stage.schema(plan.size(stage.axis)), {"provenance": provenance_of(plan, stage)})
        for shard in plan.shards(stage.axis):
            run_shard(made, stage.name, shard)
    return sb.open_product(made.output, made.stages[0]).load()


def asinh_scaled(flux, offset=0.1, softening=0.5):
    """An image as Pan-STARRS stacks are written."""
    cards = header(BUNIT=None, BOFFSET=offset, BSOFTEN=softening, EXPTIME=100.0)
    cards["HIERARCH FPA.ZP"] = 25.0
    return image(2.5 / np.log(10) * np.arcsinh((flux - offset) / (2 * softening)), cards)


FILES = {
    "tan.fits": lambda: image(),
    "packed.fits.fz": lambda: file_of(
        fits.PrimaryHDU(), fits.CompImageHDU(pixels(2), header(), compression_type="RICE_1", quantize_level=16.0)
    ),
    "ccd.fits": lambda: image(pixels(3, (SHAPE[0] // 2, SHAPE[1] * 2)), header("TAN-SIP", **SIP)),
    "tpv.fits": lambda: image(pixels(4), header("TPV", **TPV)),
}


def test_a_cutout_is_the_one_that_astropy_cuts_whatever_the_shape_and_the_distortion(tmp_path):
    rows, expected = [], {}
    for name, make in FILES.items():
        (tmp_path / name).write_bytes(make())
        with fits.open(tmp_path / name) as file:
            hdu = file[-1]
            wcs, data = WCS(hdu.header), hdu.data.astype("f4")
        height, width = data.shape
        for x, y in ((3.3, 4.6), (width / 2 + 0.2, height / 2), (width - 1.4, height - 13.5), (40.0, 20.49)):
            ra, dec = (float(value) for value in wcs.all_pix2world(x, y, 0))
            rows.append({"object_id": str(len(rows)), "ra": repr(ra), "dec": repr(dec), "file": name})
            there = wcs.all_world2pix(ra, dec, 0, tolerance=1e-7)
            cut = Cutout2D(data, (float(there[0]), float(there[1])), SIZE, mode="partial", fill_value=np.nan)
            expected[rows[-1]["object_id"]] = cut.data, cut.input_position_cutout, wcs
    found = done(job(write_catalog(tmp_path / "c.csv", rows), tmp_path, tmp_path / "out"))
    for number, name in enumerate(found.object_id.values.tolist()):
        data, place, wcs = expected[name]
        np.testing.assert_array_equal(found.flux.values[number, 0], data)
        ours = [found[f"{axis}_object"].values[number, 0] for axis in "xy"]
        np.testing.assert_allclose(ours, place, rtol=0, atol=1e-5)
        corners = np.array([0.0, SIZE - 1, 0.0]), np.array([0.0, 0.0, SIZE - 1])
        start = np.array(place) - np.array(wcs.all_world2pix(*(found[n].values[number] for n in ("ra", "dec")), 0))
        there = np.stack(wcs.all_pix2world(corners[0] - start[0], corners[1] - start[1], 0))
        off = np.stack(sb.wcs(found, number).all_pix2world(*corners, 0)) - there
        assert np.abs(off).max() < 0.1 * 7e-5, "the WCS of a cutout holds all over it"


def test_pixels_on_an_asinh_scale_become_nanomaggies(tmp_path):
    flux = np.abs(pixels()).astype(np.float64) * 100
    (tmp_path / "stack.fits").write_bytes(asinh_scaled(flux))
    row = {"object_id": "1", "ra": "150", "dec": "40", "file": "stack.fits"}
    made = done(job(write_catalog(tmp_path / "c.csv", [row]), tmp_path, tmp_path / "out"))
    assert made.flux.attrs["units"] == "nanomaggy / pixel"
    np.testing.assert_allclose(made.flux.values[0, 0], flux[27:51, 38:62] * 1e-3, rtol=1e-5)


BAD = {
    "no-wcs.fits": (image(cards=header(CTYPE1=None, CTYPE2=None)), "", Status.UNREADABLE, "no celestial WCS"),
    "no-unit.fits": (image(cards=header(BUNIT=None)), "", Status.UNREADABLE, "set archive.zero_point"),
    "wrong-hdu.fits": (image(), "SCI", Status.UNREADABLE, "it has no HDU 'SCI': it has 0 PRIMARY (100 x 80)"),
    "short.fits": (image()[:-5760], "", Status.UNREADABLE, "cut short"),
    "page.fits": (b"<html>not here</html>", "", Status.UNREADABLE, "expected FITS, got an HTML page"),
    "gone.fits": (None, "", Status.NOT_FOUND, "no such file"),
    "far.fits": (image(cards=header(CRVAL1=10.0)), "", Status.OUTSIDE, "the position is not on the frame"),
    "../up.fits": (None, "", Status.INVALID, "the path must be one below archive.root"),
    "": (None, "", Status.INVALID, "file is missing: no image can be found without it"),
}


def test_each_object_whose_image_cannot_be_had_says_why(tmp_path):
    rows = [{"object_id": "whole", "ra": "150", "dec": "40", "file": "whole.fits", "hdu": ""}]
    (tmp_path / "whole.fits").write_bytes(image())
    for name, (raw, hdu, _, _) in BAD.items():
        rows.append({"object_id": name or "nameless", "ra": "150", "dec": "40", "file": name, "hdu": hdu})
        if raw is not None:
            (tmp_path / name).write_bytes(raw)
    made = job(write_catalog(tmp_path / "c.csv", rows), tmp_path, tmp_path / "out")
    status = dict(zip(*(done(made)[name].values.tolist() for name in ("object_id", "status")), strict=True))
    collect_problems(made.output)
    said = {row["object_id"]: row["message"] for row in read_problems(made.output).to_pylist()}
    assert status.pop("whole") == Status.OK
    for name, (_, _, wanted, reason) in BAD.items():
        assert status[name or "nameless"] == wanted, name
        assert reason in said[name or "nameless"]


def test_a_band_that_is_missing_leaves_the_object_partial_and_files_may_name_bands_otherwise(tmp_path):
    for name in ("a-HSC-R2", "b-HSC-R2", "b-G"):
        (tmp_path / f"{name}.fits").write_bytes(image())
    rows = [{"object_id": tile, "ra": "150", "dec": "40", "tile": tile} for tile in "ab"]
    made = done(
        job(
            *(write_catalog(tmp_path / "c.csv", rows), tmp_path, tmp_path / "out"),
            bands="gr",
            path="{tile}-{band}.fits",
            filters={"r": "HSC-R2", "g": "G"},
        )
    )
    assert made.status.values.tolist() == [Status.PARTIAL, Status.OK]
    assert made.coverage.values.tolist() == [[0, 1], [1, 1]]
    assert made.source_file.values.tolist() == ["a-{band}.fits", "b-{band}.fits"]


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiles")
    simulate_tiles(root, objects=40, fields=3, bands="gr", shape=(120, 140))
    with (root / "catalog.csv").open() as file:
        rows = list(csv.DictReader(file))
    places = [{name: row[name] for name in ("object_id", "ra", "dec")} for row in rows]
    write_catalog(root / "places.csv", [*places, {"object_id": "far", "ra": "150", "dec": "3"}])
    write_catalog(root / "names.csv", [{"brick": name} for name in sorted({row["brick"] for row in rows})])
    return root


PATH = "{brick}/image-{brick}-{band}.fits.fz"


@pytest.mark.parametrize("listed", ["bricks.csv", "names.csv"])
def test_positions_find_the_tile_that_covers_them_best_by_a_list_or_by_the_headers(tiles, tmp_path, listed):
    by_name = done(job(tiles / "catalog.csv", tiles, tmp_path / "named", bands="gr", path=PATH))
    found = job(tiles / "places.csv", tiles, tmp_path / "found", bands="gr", path=PATH, tiles=str(tiles / listed))
    by_place = done(found)
    place = {name: number for number, name in enumerate(by_place.object_id.values.tolist())}
    order = [place[name] for name in by_name.object_id.values.tolist()]
    assert (by_place.coverage.values[order] >= by_name.coverage.values - 0.01).all()
    same = by_place.source_file.values[order] == by_name.source_file.values
    assert same.mean() > 0.9
    np.testing.assert_array_equal(by_place.flux.values[order][same], by_name.flux.values[same])
    assert by_place.status.values[place["far"]] == Status.OUTSIDE
    collect_problems(found.output)
    (reason,) = [row["message"] for row in read_problems(found.output).to_pylist() if row["object_id"] == "far"]
    assert "the survey has no image there: its nearest image is 60 arcmin away" in reason


def test_features_are_measured_in_nanomaggies_alone_and_say_that_stars_are_not_corrected(tiles, tmp_path):
    made = job(tiles / "catalog.csv", tiles, tmp_path / "out", ("cutouts", "features"), "gr", 60, path=PATH)
    done(made)
    features = sb.open_product(made.output, "features").load()
    value = features.value.sel(feature="flux_7.5_r").values
    with (tiles / "catalog.csv").open() as file:
        magnitude = {row["object_id"]: float(row["mag_r"]) for row in csv.DictReader(file)}
    true = np.array([10 ** ((22.5 - magnitude[name]) / 2.5) for name in features.object_id.values.tolist()])
    whole = features.status.values == Status.OK
    assert whole.any()
    assert abs(np.nanmedian(value[whole] / true[whole]) - 1) < 0.05
    assert "7.4 arcsec" not in str(features.coords["description"].sel(feature="psf_flux_r").values)
    other = job(
        tiles / "catalog.csv", tiles, tmp_path / "adu", ("cutouts", "features"), "gr", 60, path=PATH, unit="adu"
    )
    with pytest.raises(ConfigurationError, match=r"archive.unit is 'adu': set archive.zero_point instead"):
        done(other)


@pytest.mark.parametrize("ending", [".fits.fz", ".fits.gz", ".fits.bz2"])
def test_an_image_and_what_is_beside_it_are_found_packed_where_the_name_says_fits(tmp_path, ending):
    planes = {"a": pixels(), "wt": np.abs(pixels(2)), "mask": np.abs(pixels(3)).astype(np.int16)}
    pack = {".fits.gz": gzip.compress, ".fits.bz2": bz2.compress}.get(ending)
    for name, data in planes.items():
        hdu = fits.PrimaryHDU(data, header()) if pack else fits.CompImageHDU(data, header(), compression_type="GZIP_2")
        if not pack and data.dtype == np.float32:
            hdu = fits.CompImageHDU(data, header(), compression_type="GZIP_2", quantize_level=0)
        raw = file_of(hdu) if pack else file_of(fits.PrimaryHDU(), hdu)
        (tmp_path / f"{name}{ending}").write_bytes(pack(raw) if pack else raw)
    row = {"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}
    write_catalog(tmp_path / "list.csv", [{"file": "a.fits"}])
    keys = {"noise": "ivar", "noise_path": "wt.fits", "mask_path": "mask.fits", "mask_bits": "all"}
    for listed in ({}, {"tiles": str(tmp_path / "list.csv")}):
        places = [{name: row[name] for name in row if name != "file" or not listed}]
        made = job(
            write_catalog(tmp_path / "c.csv", places), tmp_path, tmp_path / f"out{len(listed)}", **keys, **listed
        )
        found = done(made.model_copy(update={"cutouts": made.cutouts.model_copy(update={"ivar": True})}))
        here = slice(27, 51), slice(38, 62)
        mask = planes["mask"][here]
        np.testing.assert_array_equal(found["flux"].values[0, 0], planes["a"][here])
        np.testing.assert_array_equal(found["mask"].values[0, 0], mask)
        np.testing.assert_array_equal(found["ivar"].values[0, 0], np.where(mask == 0, planes["wt"][here], 0))
        assert found.source_file.values.tolist() == ["a.fits"]


def test_two_bands_of_one_image_are_refused(tmp_path):
    (tmp_path / "a.fits").write_bytes(image())
    catalog = write_catalog(tmp_path / "c.csv", [{"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}])
    with pytest.raises(ConfigurationError, match=r"bands g and r are one image, a.fits\[\]: name one band"):
        done(job(catalog, tmp_path, tmp_path / "out", bands="gr"))


def test_bands_may_be_hdus_of_one_file(tmp_path):
    hdus = [fits.ImageHDU(pixels(seed), header(), name=f"SCI_{band}") for seed, band in enumerate("gr")]
    (tmp_path / "a.fits").write_bytes(file_of(fits.PrimaryHDU(), *hdus))
    catalog = write_catalog(tmp_path / "c.csv", [{"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}])
    made = done(job(catalog, tmp_path, tmp_path / "out", bands="gr", hdu="SCI_{band}"))
    for seed in range(2):
        np.testing.assert_array_equal(made.flux.values[0, seed], pixels(seed)[27:51, 38:62])


def test_other_units_stay_as_they_are_and_are_named(tmp_path):
    (tmp_path / "a.fits").write_bytes(image(cards=header(BUNIT="ADU")))
    catalog = write_catalog(tmp_path / "c.csv", [{"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}])
    made = done(job(catalog, tmp_path, tmp_path / "out", unit="adu"))
    assert made.flux.attrs["units"] == "adu / pixel"
    assert sb.to_fits(made, 0)["R"].header["BUNIT"] == "adu"
    assert made.attrs["made_with"].find('"cutouts.unit": "adu"') > 0, "no classifier takes them for nanomaggies"
    np.testing.assert_array_equal(made.flux.values[0, 0], pixels()[27:51, 38:62])


@pytest.mark.slow
def test_real_frames_are_cut_as_the_survey_of_sdss_cuts_them(real_data, tmp_path):
    with (real_data / "sdss" / "sources.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["run"] == "2820"][::40]
    template = "frame-{band}-{run:06d}-{camcol}-{field:04d}.fits.bz2"
    path = f"eboss/photoObj/frames/{{rerun}}/{{run}}/{{camcol}}/{template}"
    catalog = write_catalog(tmp_path / "c.csv", rows)
    ours = done(job(catalog, real_data / "sdss", tmp_path / "ours", path=path))
    tables = {"name": "t", "output": str(tmp_path / "theirs"), "stages": ["cutouts"], "catalog": {"path": str(catalog)}}
    tables |= {"archive": {"survey": "sdss", "root": str(real_data / "sdss")}, "cutouts": {"size": SIZE}}
    theirs = done(Job.model_validate({**tables, "frames": {"bands": "r", "keep": False}}))
    assert ours.object_id.values.tolist() == theirs.object_id.values.tolist()
    for name in ("flux", "x_object", "y_object", "crval", "crpix", "cd", "status"):
        np.testing.assert_array_equal(ours[name].values, theirs[name].values, err_msg=name)


def test_files_of_a_folder_are_estimated_by_the_sizes_of_a_few_and_others_by_a_usual_one(tmp_path):
    for name, rows in (("a", 40), ("b", 80)):
        (tmp_path / f"{name}.fits").write_bytes(image(pixels(1, (rows, 100))))
    catalog = write_catalog(
        tmp_path / "c.csv", [{"object_id": name, "ra": 150, "dec": 2, "file": f"{name}.fits"} for name in "ab"]
    )
    size = sum((tmp_path / f"{name}.fits").stat().st_size for name in "ab")
    seen, unseen = (
        make_stages(made)[0].cost(make_plan(made))
        for made in (job(catalog, root, tmp_path / "out") for root in (tmp_path, "https://host.invalid"))
    )
    assert (seen.files, seen.fetch_bytes) == (2, size)
    keys = {"noise": "ivar", "noise_hdu": "1", "mask_path": "mask.fits", "mask_bits": "all"}
    beside = make_stages(job(catalog, tmp_path, tmp_path / "out", **keys))[0].cost(
        make_plan(job(catalog, tmp_path, tmp_path / "out", **keys))
    )
    assert beside.files == 4
    assert unseen.fetch_bytes == 2 * 11_000_000
    assert seen.cpu_seconds < unseen.cpu_seconds
