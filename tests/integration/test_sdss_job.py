"""A job over real SDSS frames, against astropy's reading and cutting of the same files."""

import bz2
import csv
import io
import warnings

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from astropy.io import fits
from astropy.nddata import Cutout2D, NoOverlapError
from astropy.wcs import WCS

from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from tests.compare import equal_bits
from tests.jobs import sdss_job, write_catalog
from tests.servers import http_server

SIZE, BANDS = 64, "ugriz"
WITHOUT_I = 11
"""The field (1006-6-0011) of which the archive has no i frame."""

TWO = {11: 191, 122: 199}
ALL = {11: 191, 17: 159, 25: 177, 87: 152, 122: 199}
"""Fields of real frames, and the objects of each."""


@pytest.fixture(scope="module")
def server(real_data):
    with http_server(real_data / "sdss") as server:
        yield server


@pytest.fixture(scope="module", params=[TWO, pytest.param(ALL, marks=pytest.mark.slow)], ids=["two fields", "all"])
def fields(request):
    return request.param


@pytest.fixture(scope="module")
def rows(real_data, fields):
    with (real_data / "sdss" / "sources.csv").open() as stream:
        return [row for row in csv.DictReader(stream) if int(row["field"]) in fields]


@pytest.fixture(scope="module")
def output(rows, fields, server, cluster, tmp_path_factory):
    output = tmp_path_factory.mktemp("sdss") / "out"
    job = sdss_job(write_catalog(output.parent / "sources.csv", rows), server.url, output)
    assert sum(run(job, client=cluster).counts.values()) == sum(fields.values())
    return output


@pytest.fixture(scope="module")
def cutouts(output):
    return xr.open_zarr(output / "cutouts.zarr", chunks=None, mask_and_scale=False).load()


@pytest.fixture(scope="module")
def catalog(rows):
    return {row["object_id"]: row for row in rows}


@pytest.fixture(scope="module")
def expected(real_data, catalog):
    """What astropy cuts: for each object and band a `Cutout2D`, or None where there is no overlap or no frame."""
    found = {}
    for key in sorted({(row["rerun"], row["run"], row["camcol"], row["field"]) for row in catalog.values()}):
        members = [row for row in catalog.values() if (row["rerun"], row["run"], row["camcol"], row["field"]) == key]
        for band in BANDS:
            frame = read_frame(real_data / "sdss", key, band)
            cuts = cut(*frame, members) if frame else [None] * len(members)
            found.update({(row["object_id"], band): each for row, each in zip(members, cuts, strict=True)})
    return found


def read_frame(root, key, band):
    rerun, run, camcol, field = (int(part) for part in key)
    folder = root / f"eboss/photoObj/frames/{rerun}/{run}/{camcol}"
    path = folder / f"frame-{band}-{run:06d}-{camcol}-{field:04d}.fits.bz2"
    if not path.exists():
        return None
    with fits.open(io.BytesIO(bz2.decompress(path.read_bytes()))) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hdus[0].data.astype(np.float32), WCS(hdus[0].header)


def cut(image, wcs, rows):
    """Cut an image around each row: a `Cutout2D`, or None where there is no overlap."""
    x, y = wcs.wcs_world2pix([float(row["ra"]) for row in rows], [float(row["dec"]) for row in rows], 0)
    return [cut_at(image, position) for position in zip(x.tolist(), y.tolist(), strict=True)]


def cut_at(image, position):
    try:
        return Cutout2D(image, position, SIZE, mode="partial", fill_value=np.nan)
    except NoOverlapError:
        return None


def test_every_object_has_one_final_status(cutouts, catalog):
    assert sorted(cutouts.object_id.values) == sorted(catalog)
    assert set(np.unique(cutouts.status)) <= {Status.OK, Status.PARTIAL, Status.OUTSIDE}


def test_every_cutout_equals_that_of_astropy(cutouts, expected, fields):
    complete = 0
    for row, object_id in enumerate(cutouts.object_id.values):
        for number, band in enumerate(BANDS):
            flux = cutouts.flux.values[row, number]
            want = expected[object_id, band]
            if want is None or cutouts.status.values[row] == Status.OUTSIDE:
                assert np.isnan(flux).all()
                continue
            assert np.array_equal(flux, want.data, equal_nan=True), (object_id, band)
            if cutouts.coverage.values[row, number] == 1:
                complete += 1
                assert equal_bits(flux, want.data.astype(np.float32))
    assert complete > 4 * sum(fields.values()), "of five bands"


def test_coverage_is_the_share_of_pixels_that_astropy_finds(cutouts, expected):
    partial = 0
    for row, object_id in enumerate(cutouts.object_id.values):
        for number, band in enumerate(BANDS):
            want = expected[object_id, band]
            share = 0 if want is None else np.isfinite(want.data).mean()
            if cutouts.status.values[row] != Status.OUTSIDE:
                assert cutouts.coverage.values[row, number] == np.float32(share)
                partial += 0 < share < 1
    assert partial > 20


def test_positions_in_the_cutouts_are_those_of_the_catalogue(cutouts, expected, catalog):
    r = BANDS.index("r")
    for row, object_id in enumerate(cutouts.object_id.values):
        want = expected[object_id, "r"]
        position = cutouts.x_object.values[row, r], cutouts.y_object.values[row, r]
        np.testing.assert_allclose(position, want.input_position_cutout, atol=1e-6)
        origin = np.subtract(want.origin_original, want.origin_cutout)
        listed = [float(catalog[object_id][name]) for name in ("x_r", "y_r")]
        # The catalogue's sky positions have seven decimals, 0.001 pixel.
        np.testing.assert_allclose(np.add(position, origin), listed, atol=5e-3)


def test_objects_of_the_field_without_an_i_frame_are_partial_and_say_so(cutouts, output, catalog):
    members = {name for name, row in catalog.items() if int(row["field"]) == WITHOUT_I}
    here = np.isin(cutouts.object_id.values, sorted(members))
    assert (cutouts.status.values[here] == Status.PARTIAL).all()
    assert (cutouts.coverage.values[here, BANDS.index("i")] == 0).all()
    notes = {
        note["object_id"]: note
        for note in pq.read_table(output / "problems.parquet").to_pylist()
        if note["stage"] == "cutouts"
    }
    assert members <= set(notes)
    for member in members:
        assert "frame-i-001006-6-0011" in notes[member]["message"] + notes[member]["source"]
    assert len(notes) == (cutouts.status.values != Status.OK).sum()


def test_the_frames_product_holds_what_the_files_hold(output, real_data, fields):
    frames = xr.open_zarr(output / "frames.zarr", chunks=None, mask_and_scale=False)
    assert frames.status.values.tolist().count([Status.OK] * 5) == len(fields) - 1
    key = [str(int(frames[name].values[1])) for name in ("rerun", "run", "camcol", "field")]
    image, _ = read_frame(real_data / "sdss", key, "g")
    assert equal_bits(frames.image[1, 1].values, image)


@pytest.mark.slow
def test_cutouts_are_the_same_where_no_frame_is_kept(cutouts, rows, server, cluster, tmp_path):
    some = [row for row in rows if int(row["field"]) in TWO]
    catalog = write_catalog(tmp_path / "some.csv", some)
    job = sdss_job(catalog, server.url, tmp_path / "out", stages=["cutouts"], frames={"keep": False})
    run(job, client=cluster)
    direct = xr.open_zarr(tmp_path / "out" / "cutouts.zarr", chunks=None, mask_and_scale=False).load()
    same = cutouts.isel(object=np.isin(cutouts.object_id.values, direct.object_id.values))
    assert direct.sizes["object"] == len(some)
    for name in direct.variables:
        assert equal_bits(direct[name].values, same[name].values), name
