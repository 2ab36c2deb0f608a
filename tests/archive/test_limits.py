"""`survey_batch.archive.limits`: one limit for all workers and threads of a run."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from distributed import Client, LocalCluster

from survey_batch.archive.download import Archive
from survey_batch.archive.limits import run_wide_limiter
from tests.jobs import archive_section
from tests.servers import http_server

FITS = b"SIMPLE  =" + bytes(5000)


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes."""
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client


def fetch_with_threads(archive, name, threads, files):
    """Fetch on plain threads of a task, as a stage does."""
    with ThreadPoolExecutor(threads) as pool:
        return sum(len(raw) for raw in pool.map(lambda one: archive.read(one, bytes), [name] * files)), os.getpid()


def test_outside_dask_one_limit_serves_all_threads():
    limiter = run_wide_limiter("outside", 3)
    assert limiter() is run_wide_limiter("outside", 3)()
    assert limiter() is pickle.loads(pickle.dumps(limiter))()  # noqa: S301
    assert limiter() is not run_wide_limiter("elsewhere", 3)()
    for _ in range(3):
        assert limiter().acquire(blocking=False)
    assert not limiter().acquire(blocking=False)
    for _ in range(3):
        limiter().release()


def test_two_workers_of_several_threads_never_exceed_the_connections(cluster, tmp_path):
    (tmp_path / "x.fits").write_bytes(FITS)
    with http_server(tmp_path, delay=0.02) as server:
        archive = Archive(archive_section(survey="sdss", root=server.url, connections=3))
        tasks = [cluster.submit(fetch_with_threads, archive, "x.fits", 4, 6, pure=False) for _ in range(6)]
        sizes, processes = zip(*cluster.gather(tasks), strict=True)
    assert sizes == (6 * len(FITS),) * 6
    assert len(set(processes)) == 2
    assert server.requests["/x.fits"] == 36
    assert server.most_open_requests == 3
