"""Whole jobs on a simulated archive of DESI, against astropy's reading of its files."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr
from astropy.io import fits
from astropy.table import Table

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_desi
from survey_batch.spectra.grid import Spectrum, rebin
from survey_batch.surveys.desi.paths import coadd_path
from tests.jobs import lamost_job
from tests.servers import http_server


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    root = tmp_path_factory.mktemp("desi")
    simulate_desi(root, objects=50, seed=2)
    return root


def job_of(root, output, catalog, **archive):
    return lamost_job(
        {
            "catalog": {"path": str(catalog)},
            "archive": {"survey": "desi", "root": str(root), **archive},
            "spectra": {"wavelength_min": 3600.0, "wavelength_max": 9824.0},
        },
        output,
        stages=("spectra",),
        shards={"objects": 64},
    )


def test_the_simulator_makes_the_same_spectra_again_and_says_what_it_refuses(simulated, tmp_path):
    simulate_desi(tmp_path, objects=3, seed=2)
    path = "spectro/redux/iron/healpix/main/dark/269/26965/coadd-main-dark-26965.fits"
    with fits.open(tmp_path / path) as few, fits.open(simulated / path) as many:
        assert np.array_equal(few["B_FLUX"].data, many["B_FLUX"].data[:3])
        assert [hdu.name for hdu in few] == [hdu.name for hdu in many]
    with pytest.raises(ConfigurationError, match="objects and seed must be 0 or more"):
        simulate_desi(tmp_path, objects=-1)


@pytest.mark.parametrize(("layout", "catalog"), [("healpix", "pix"), ("cumulative", "tilecumulative")])
def test_each_file_is_fetched_once_for_its_targets_and_gives_what_astropy_reads(
    simulated, cluster, tmp_path, layout, catalog
):
    with http_server(simulated) as server:
        job = job_of(server.url, tmp_path / "out", simulated / f"zall-{catalog}-iron.fits", layout=layout)
        run(job, client=cluster)
    asked = {path: number for path, number in server.requests.items() if "coadd-" in path}
    assert len(asked) == (2 if layout == "healpix" else 1)
    assert sum(asked.values()) <= len(asked) + 1, "one more: the trial of the archive before the run"
    product = xr.open_zarr(tmp_path / "out" / "spectra.zarr").load()
    objects = pq.read_table(tmp_path / "out" / "plan" / "objects.parquet").to_pylist()
    assert (product.status == Status.OK).all()
    assert product.sizes["object"] == (50 if layout == "healpix" else 40)
    for row in (0, 25, product.sizes["object"] - 1):
        one, target = product.isel(object=row), objects[row]
        assert target["object_id"] == target["targetid"] == str(one.object_id.values)
        with fits.open(simulated / coadd_path(target, "iron", layout)) as file:
            place = file["FIBERMAP"].data["TARGETID"].tolist().index(int(target["targetid"]))
            arm = [file[f"R_{part}"].data for part in ("FLUX", "IVAR", "MASK", "WAVELENGTH")]
        flux, ivar, mask = (values[place].astype(kind) for values, kind in zip(arm, ("f4", "f4", "i4"), strict=False))
        expected = rebin(Spectrum(flux, ivar, mask, np.nan, arm[3]), one.wavelength.values)
        alone = (one.wavelength.values > 5810) & (one.wavelength.values < 7510)  # what no other arm sees
        for name, values in zip(("flux", "ivar"), expected, strict=False):
            np.testing.assert_array_equal(one[name].values[alone], values[alone])
        np.testing.assert_array_equal(one.mask.values[alone] & 0xFFFF, expected[2][alone] & 0xFFFF)


def test_every_row_ends_with_its_own_status(simulated, cluster, tmp_path):
    table = Table.read(simulated / "zall-pix-iron.fits")[:4]
    table["TARGETID"][1], table["HEALPIX"][2], table["SURVEY"][3] = 7, 99, ""
    table.write(tmp_path / "few.csv")
    run(job_of(simulated, tmp_path / "out", tmp_path / "few.csv"), client=cluster)
    found = {
        one["object_id"]: (one["status"], one["message"])
        for one in pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
    }
    assert found["7"][0] == "not_found"
    assert "no target with TARGETID 7 in this coadd" in found["7"][1]
    assert sorted(status for status, _ in found.values()) == ["invalid", "not_found", "not_found"]
