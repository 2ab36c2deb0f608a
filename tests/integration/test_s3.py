"""Archive and products in S3 buckets."""

import io
import json
import warnings

import fsspec
import pyarrow.parquet as pq
import pytest
import s3fs
import xarray as xr

from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.integrity.verify import verify
from survey_batch.report import write_report
from survey_batch.results.export import export_catalog
from survey_batch.store.lock import locked
from survey_batch.store.marks import forget_marks, known_marks, marks_there
from tests.compare import assert_equal_products
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.processes import command, complete, kill
from tests.servers import s3_server

pytestmark = pytest.mark.slow

OBJECTS, SHARD = 32, 4
PRODUCTS = ("spectra", "features")
MISSING = "spec-55000-TEST_sp01-007.fits"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("s3")):
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("survey")
        yield "s3://survey"
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def archive(bucket, tmp_path_factory):
    """An archive in the bucket, in which one file is missing."""
    folder = tmp_path_factory.mktemp("archive")
    keys = make_archive(folder, OBJECTS)
    (folder / MISSING).unlink()
    s3fs.S3FileSystem().put(f"{folder}/", f"{bucket}/archive/", recursive=True)
    return {
        "catalog": {**keys["catalog"], "path": f"{bucket}/archive/catalog.csv"},
        "archive": {"survey": "lamost", "root": f"{bucket}/archive"},
    }


@pytest.fixture(scope="module")
def cluster(bucket):
    """Workers that have the environment of the bucket."""
    with connect(ClusterSection(workers=2, memory="2 GB")) as connection:
        yield connection.client


def make_job(archive, output):
    spectra = {"wavelength_min": 4000, "wavelength_max": 5000}
    return lamost_job(archive, output, shards={"objects": SHARD}, spectra=spectra, cluster={"workers": 2})


@pytest.fixture(scope="module")
def local(archive, cluster, tmp_path_factory):
    """The same job's products in a folder."""
    output = tmp_path_factory.mktemp("local") / "out"
    run(make_job(archive, output), client=cluster)
    return output


def test_products_and_accounts_in_a_bucket_are_those_of_a_folder(bucket, archive, cluster, local):
    job = make_job(archive, f"{bucket}/out")
    assert run(job, client=cluster).counts == {"ok": OBJECTS - 1, "not_found": 1}
    assert_equal_products(job.output, local, *PRODUCTS)
    with xr.open_zarr(f"{job.output}/spectra.zarr") as spectra:
        assert spectra.sizes["object"] == OBJECTS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(job.output, engine="zarr")
    assert sorted(tree.children) == sorted(f"{product}.zarr" for product in PRODUCTS)
    assert int((tree["spectra.zarr/status"] == Status.OK).sum()) == OBJECTS - 1
    files = fsspec.filesystem("s3")
    files.invalidate_cache()
    (problem,) = pq.read_table(io.BytesIO(files.cat_file(f"{job.output}/problems.parquet"))).to_pylist()
    assert problem["source"] == f"{bucket}/archive/{MISSING}"
    assert json.loads(files.cat_file(f"{job.output}/run.json"))["counts"] == {"ok": OBJECTS - 1, "not_found": 1}
    (log,) = files.ls(f"{job.output}/log", detail=False)
    events = [json.loads(line)["event"] for line in files.cat_file(log).decode().splitlines()]
    assert events.count("shard") == 2 * OBJECTS // SHARD
    assert not files.exists(f"{job.output}/lock.json")
    assert not run(job, client=cluster).worked
    forget_marks()
    assert set(known_marks(job.output)) == marks_there(job.output) != set()  # as the store's ETags are


def test_damaged_data_in_a_bucket_is_found_and_made_again(bucket, archive, cluster):
    job, files = make_job(archive, f"{bucket}/out"), fsspec.filesystem("s3")
    run(job, client=cluster)
    assert verify(job, deep=True).ok
    lost, cut = (f"{job.output}/spectra.zarr/{name}/c/1/0" for name in ("flux", "ivar"))
    before = {path: files.cat_file(path) for path in (lost, cut)}
    files.rm_file(lost)
    files.pipe_file(cut, before[cut][: len(before[cut]) // 2])
    files.rm_file(f"{job.output}/features.zarr/status/c/1")
    found = verify(job, deep=True, repair=True)
    assert {(fault.damage.array, fault.damage.shard) for fault in found.faults if fault.damage} == {
        ("flux", 1),
        ("ivar", 1),
    }
    assert run(job, client=cluster).counts == {"ok": OBJECTS - 1, "not_found": 1}
    files.invalidate_cache()
    assert {path: files.cat_file(path) for path in (lost, cut)} == before
    assert verify(job, deep=True).ok


def test_an_export_and_a_report_go_to_a_bucket(bucket, archive, cluster):
    job = make_job(archive, f"{bucket}/out")
    run(job, client=cluster)
    for name in ("types.parquet", "types.fits"):
        assert export_catalog(job, f"{bucket}/exports/{name}") == (f"{bucket}/exports/{name}", OBJECTS)
    write_report(job.output, f"{bucket}/exports/page.html")
    files = fsspec.filesystem("s3")
    files.invalidate_cache()
    table = pq.read_table(io.BytesIO(files.cat_file(f"{bucket}/exports/types.parquet")))
    assert table["sb_status"].to_pylist().count("not_found") == 1
    assert files.cat_file(f"{bucket}/exports/types.fits").startswith(b"SIMPLE")
    assert b"</html>" in files.cat_file(f"{bucket}/exports/page.html")


def test_the_lock_of_a_bucket_is_exclusive(bucket):
    output = f"{bucket}/locked"
    with locked(output), pytest.raises(ConfigurationError, match="another run holds this output"):
        locked(output).__enter__()
    with locked(output):
        pass


def test_a_killed_client_is_followed_by_one_that_goes_on(bucket, archive, local, tmp_path):
    job = make_job(archive, f"{bucket}/killed")
    with command(job, tmp_path) as running:
        running.wait_for(1)
        kill(running.process)
        running.wait()
    messages = complete(job, tmp_path)
    assert not [noise for noise in ("Traceback", "Unclosed", "never retrieved") if noise in messages], messages
    assert_equal_products(job.output, local, *PRODUCTS)
