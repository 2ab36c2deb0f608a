"""Two simulated adjacent fields: an object near the seam is cut whole from the right one, a large window from both."""

import csv
import shutil
import warnings

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.simulate import simulate_sdss
from survey_batch.simulate.pixels import strip_pixels
from survey_batch.simulate.sky import draw_population
from survey_batch.simulate.strip import Strip
from survey_batch.stages import make_stages
from survey_batch.store.products import create_product
from survey_batch.surveys.sdss.files import FRAME_SHAPE, FieldKey, frame_path
from tests.jobs import sdss_job, write_catalog

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    simulate_sdss(root, fields=2, objects=300, seed=3, bands="r")
    return root


def wcs_of(archive, field):
    with fits.open(archive / frame_path(FieldKey(301, 9001, 3, field), "r")) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about keywords that real frames have too
        return WCS(hdus[0].header), hdus[0].data.astype("f4")


def is_whole(position, length):
    return 0 <= np.ceil(position - 32) <= length - 64


def cut_all(catalog, archive, output, keep, **cutouts):
    """Cut every object and return the product by object_id."""
    job = sdss_job(
        catalog, archive, output, frames={"bands": "r", "keep": keep}, shards={"objects": 300}, cutouts=cutouts
    )
    plan = make_plan(job)
    plan.store()
    for stage in make_stages(job):
        create_product(job.output, stage.schema(plan.size(stage.axis)), {"provenance": provenance_of(plan, stage)})
        for shard in plan.shards(stage.axis):
            run_shard(job, stage.name, shard)
    return xr.open_zarr(output / "cutouts.zarr").load().set_index(object="object_id")


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
def test_objects_whose_catalogue_names_the_wrong_side_of_the_seam_are_cut_whole(archive, tmp_path, keep):
    """Every object in the overlap is given to the field in which its window is cut off."""
    frames = {field: wcs_of(archive, field) for field in (100, 101)}
    rows = list(csv.DictReader((archive / "sources.csv").open()))
    moved = {}
    for row in rows:
        position = (float(row["ra"]), float(row["dec"]))
        y = {field: float(wcs.all_world2pix(*position, 0)[1]) for field, (wcs, _) in frames.items()}
        for wrong, right in ((100, 101), (101, 100)):
            if not is_whole(y[wrong], 1489) and is_whole(y[right], 1489) and -0.5 < y[wrong] < 1488.5:
                row["field"], moved[row["objid"]] = str(wrong), right
    assert set(moved.values()) == {100, 101}, "the simulated field has objects on both sides"
    catalog = write_catalog(tmp_path / "catalog.csv", rows)
    ds = cut_all(catalog, archive, tmp_path / "out", keep)
    for object_id, right in moved.items():
        one = ds.sel(object=object_id)
        wcs, image = frames[right]
        x = float(wcs.all_world2pix(float(one.ra), float(one.dec), 0)[0])
        if is_whole(x, 2048):
            assert int(one.status) == Status.OK, object_id
            assert int(one.source_field) == right
            expected = Cutout2D(image, wcs.all_world2pix(float(one.ra), float(one.dec), 0), 64).data
            np.testing.assert_array_equal(one.flux.values[0], expected)


@pytest.fixture(scope="module")
def strip():
    """The pixels of both fields before they are divided."""
    whole = Strip(301, 9001, 3, 100, 2, FRAME_SHAPE)
    return strip_pixels(whole, draw_population(whole, 300, 3), "r", 3)


@pytest.fixture(scope="module")
def near_seam(archive, tmp_path_factory):
    """A catalogue of the objects nearest to the overlap's middle, and where each one lies in the strip."""
    wcs, _ = wcs_of(archive, 100)
    found = {}
    for row in csv.DictReader((archive / "sources.csv").open()):
        x, y = wcs.all_world2pix(float(row["ra"]), float(row["dec"]), 0)
        if 150 < x < 1898:
            found[row["objid"]] = (row, float(x), float(y))
    chosen = dict(sorted(found.items(), key=lambda item: abs(item[1][2] - 1425))[:14])
    catalog = write_catalog(tmp_path_factory.mktemp("seam") / "catalog.csv", [row for row, _, _ in chosen.values()])
    return catalog, {name: place for name, (_, *place) in chosen.items()}


def windows_of(ds, places, strip, size):
    """Each object's cutout, its status, and the same window of the undivided strip, with the strip row of its first."""
    for name, (x, y) in places.items():
        one = ds.sel(object=name)
        first_x, first_y = (int(np.ceil(value - size / 2)) for value in (x, y))
        yield one, strip[first_y : first_y + size, first_x : first_x + size], first_y


def equal_but_for_the_frame_s_sky(ours, truth):
    """Simulated frames have a sky residual of 1e-5, as neighbouring real ones have, and are rounded to 10 digits."""
    np.testing.assert_allclose(ours, truth, rtol=2**-10, atol=5e-5)


@pytest.mark.parametrize("keep", [pytest.param(True, marks=pytest.mark.slow), False])
@pytest.mark.parametrize("size", [192, pytest.param(300, marks=pytest.mark.slow)])
def test_windows_across_the_seam_equal_those_of_the_undivided_strip(archive, near_seam, strip, tmp_path, keep, size):
    catalog, places = near_seam
    ds = cut_all(catalog, archive, tmp_path / "out", keep, size=size)
    stitched = 0
    for one, truth, first in windows_of(ds, places, strip, size):
        assert int(one.status) == Status.OK
        assert float(one.coverage[0]) == 1
        equal_but_for_the_frame_s_sky(one.flux.values[0], truth)
        across = first < 1361 and first + size > 1489
        stitched += across
        assert (int(one.first_field), int(one.last_field)) == ((100, 101) if across else (int(one.source_field),) * 2)
    assert stitched >= 3


@pytest.mark.parametrize("keep", [True, False])
def test_windows_across_the_seam_to_a_missing_frame_are_partial(archive, near_seam, strip, tmp_path, keep):
    """The objects that the catalogue puts on the missing field are not found; the others keep what field 100 has."""
    catalog, places = near_seam
    root = tmp_path / "archive"
    shutil.copytree(archive, root, ignore=lambda _, names: [name for name in names if "-0101" in name])
    ds = cut_all(catalog, root, tmp_path / "out", keep, size=192)
    partial = 0
    for one, truth, first in windows_of(ds, places, strip, 192):
        held = max(min(1489 - first, 192), 0)
        if int(one.status) == Status.NOT_FOUND:
            assert np.isnan(one.flux.values).all()
            continue
        assert int(one.status) == (Status.OK if held == 192 else Status.PARTIAL)
        equal_but_for_the_frame_s_sky(one.flux.values[0, :held], truth[:held])
        assert np.isnan(one.flux.values[0, held:]).all()
        partial += held < 192
    assert partial >= 2


@pytest.mark.slow
def test_registered_cutouts_are_the_same_from_stored_frames_and_from_the_archive(archive, near_seam, tmp_path):
    catalog, _ = near_seam
    choice = {"size": 150, "registration": "subpixel", "ivar": True}
    kept, direct = (cut_all(catalog, archive, tmp_path / str(keep), keep, **choice) for keep in (True, False))
    xr.testing.assert_identical(kept.drop_attrs(), direct.drop_attrs())
    assert (kept.status == Status.OK).all()
    assert (kept.ivar > 0).all()
    assert (kept.x_object == 74.5).all()
    frames = xr.open_zarr(tmp_path / "True" / "frames.zarr").aperture_correction.load().set_index(frame="field")
    served = frames.sel(frame=kept.source_field.values)
    np.testing.assert_array_equal(kept.aperture_correction, served)
    assert (kept.aperture_correction_stars >= 5).all()
