"""A job over real LAMOST files, against astropy's reading of them; and one over an archive with faults."""

import csv
import gzip
import io
from itertools import repeat

import numpy as np
import pyarrow.parquet as pq
import xarray as xr
from astropy.io import fits

from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.store.products import read_status
from tests.compare import assert_equal_products
from tests.faults import cut
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.servers import BUSY, NOT_FOUND, http_server

OBJECTS, SHARD = 20, 5


def read_file(path):
    """Read one real file by itself: wavelength [Angstrom], flux."""
    raw = path.read_bytes()
    with fits.open(io.BytesIO(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)) as hdus:
        if "COADD" in [hdu.name for hdu in hdus]:
            (row,) = hdus["COADD"].data
            return np.array(row["WAVELENGTH"], float), np.array(row["FLUX"], np.float32)
        header, rows = hdus[0].header, hdus[0].data
        flux = rows[0].astype(np.float32)
        if "wavelength" in str(header.get("EXTEN0", "")).lower() and rows[2].min() > 3000:
            return rows[2].astype(float), flux
        return 10 ** (header["COEFF0"] + header["COEFF1"] * np.arange(flux.size)), flux


def test_real_files_are_on_the_grid_pixel_by_pixel(real_data, cluster, tmp_path):
    folder = real_data / "lamost"
    archive = {
        "catalog": {"path": str(folder / "catalog.csv")},
        "archive": {"survey": "lamost", "root": str(folder / "spectra")},
    }
    with (folder / "catalog.csv").open() as stream:
        names = {row["filename"] for row in csv.DictReader(stream, delimiter="|")}
    job = lamost_job(archive, tmp_path / "out", ["spectra"], shards={"objects": 64})
    assert run(job, client=cluster).counts == {"ok": len(names)}
    filenames = pq.read_table(tmp_path / "out" / "plan" / "objects.parquet")["filename"].to_pylist()
    assert set(filenames) == names
    spectra = xr.open_zarr(tmp_path / "out" / "spectra.zarr", chunks=None, mask_and_scale=False).load()
    grid, flux = spectra.wavelength.values, spectra.flux.values
    copied = sum(
        check_spectrum(grid, flux[row], *read_file(folder / "spectra" / name)) for row, name in enumerate(filenames)
    )
    assert copied > 0.95 * len(names)


def check_spectrum(grid, flux, wavelength, expected):
    """Compare one row with its file; tell whether the two grids agree."""
    place = (np.log10(wavelength) - np.log10(grid[0])) * 1e4
    pixel = np.round(place).astype(int)
    inside = (pixel >= 0) & (pixel < grid.size)
    if np.abs(place - pixel).max() > 0.05:
        return False
    assert np.abs(wavelength[inside] - grid[pixel[inside]]).max() < 0.05
    assert flux[pixel[inside]].tobytes() == expected[inside].tobytes()
    outside = np.setdiff1d(np.arange(grid.size), pixel[inside])
    assert np.isnan(flux[outside]).all()
    return True


def name(number):
    return f"/spec-55000-TEST_sp01-{number:03d}.fits"


def test_faults_of_an_archive_end_as_statuses_and_the_next_run_mends_what_can_be_mended(cluster, tmp_path):
    archive = make_archive(tmp_path / "archive", OBJECTS)
    down = [True]

    def busy_while_down():
        while down:
            yield BUSY

    faults = {
        name(3): repeat(NOT_FOUND),
        name(7): repeat(cut(0.5)),
        name(11): [BUSY, BUSY],
        name(15): busy_while_down(),
    }
    with http_server(tmp_path / "archive", faults) as server:
        archive["archive"] |= {"root": server.url, "attempts": 3}
        job = make_job(archive, tmp_path / "out")
        first = run(job, client=cluster)
        assert first.counts == {"ok": OBJECTS - 3, "not_found": 1, "unreadable": 1, "unreachable": 1}
        assert not first.complete
        assert server.requests[name(11)] == 3
        assert problem(job, "unreachable")["source"] == server.url + name(15)
        assert "503" in problem(job, "unreachable")["message"]
        down.clear()
        before = server.requests.copy()
        second = run(job, client=cluster)
        assert second.counts == {"ok": OBJECTS - 2, "not_found": 1, "unreadable": 1}
        assert server.requests - before == {name(15): 1}
        assert [second.stages[stage]["rows_done"] for stage in job.stages] == [1, 1]
        undisturbed = make_job(archive, tmp_path / "undisturbed")
        run(undisturbed, client=cluster)
    assert_equal_products(job.output, undisturbed.output, *job.stages)
    assert (read_status(job.output, "spectra") != Status.OK).sum() == 2
    problems = pq.read_table(tmp_path / "out" / "problems.parquet")["status"].to_pylist()
    assert sorted(problems) == ["not_found", "unreadable"]


def make_job(archive, output):
    # Principal components are fitted once, to what is there when the product is made; they would differ.
    return lamost_job(archive, output, shards={"objects": SHARD}, spectral_features={"components": 0})


def problem(job, status):
    (found,) = (
        note for note in pq.read_table(f"{job.output}/problems.parquet").to_pylist() if note["status"] == status
    )
    return found
