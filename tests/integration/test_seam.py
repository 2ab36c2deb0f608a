"""Two simulated adjacent fields: an object near the seam is cut whole from the right one."""

import csv
import warnings

import numpy as np
import pytest
import xarray as xr
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from survey_batch.archive.sdss import FieldKey, frame_path
from survey_batch.plan import make_plan
from survey_batch.products import create_product
from survey_batch.run import pieces_of
from survey_batch.simulate import simulate_sdss
from survey_batch.stages import make_stages
from survey_batch.status import Status
from survey_batch.work import run_shard
from tests.jobs import sdss_job


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
    catalog = tmp_path / "catalog.csv"
    with catalog.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)

    job = sdss_job(catalog, archive, tmp_path / "out", frames={"bands": "r", "keep": keep}, shards={"objects": 300})
    plan = make_plan(job)
    plan.store()
    for stage in make_stages(job):
        create_product(job.output, stage.schema(plan.size(stage.axis)), {"pieces": pieces_of(plan, stage)})
        for shard in plan.shards(stage.axis):
            run_shard(job, stage.name, shard)

    ds = xr.open_zarr(tmp_path / "out" / "cutouts.zarr").load()
    ds = ds.set_index(object="object_id")
    for object_id, right in moved.items():
        one = ds.sel(object=object_id)
        wcs, image = frames[right]
        x = float(wcs.all_world2pix(float(one.ra), float(one.dec), 0)[0])
        if is_whole(x, 2048):
            assert int(one.status) == Status.OK, object_id
            assert int(one.source_field) == right
            expected = Cutout2D(image, wcs.all_world2pix(float(one.ra), float(one.dec), 0), 64).data
            np.testing.assert_array_equal(one.flux.values[0], expected)
