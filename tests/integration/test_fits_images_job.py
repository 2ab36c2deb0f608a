"""A job over packed tiles of one's own, killed and continued, from a folder and from a web server."""

import pytest

from survey_batch.config.job import Job
from survey_batch.simulate.tiles import simulate_tiles
from tests.compare import assert_equal_products
from tests.processes import command, complete
from tests.servers import http_server

pytestmark = pytest.mark.slow

PRODUCTS = ("cutouts", "composites")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    simulate_tiles(root, objects=240, fields=4)
    return root


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    complete(job_of(archive, archive, folder / "out"), folder)
    return folder / "out"


def job_of(archive, root, output):
    return Job.model_validate(
        {
            "name": "tiles",
            "output": str(output),
            "stages": PRODUCTS,
            "catalog": {"path": str(archive / "catalog.csv")},
            "archive": {
                "survey": "fits-images",
                "root": str(root),
                "path": "{brick}/image-{brick}-{band}.fits.fz",
                "tiles": str(archive / "bricks.csv"),
            },
            "frames": {"bands": "grz"},
            "cutouts": {"size": 32},
            "composites": {"bands": "zrg"},
            "shards": {"objects": 16},
            "cluster": {"workers": 1},
        }
    )


def test_a_run_that_was_killed_goes_on_and_ends_like_an_undisturbed_one(archive, whole, tmp_path):
    job = job_of(archive, archive, tmp_path / "out")
    with command(job, tmp_path) as running:
        running.wait_for(16, "cutouts")
    complete(job, tmp_path)
    assert_equal_products(tmp_path / "out", whole, *PRODUCTS)


def test_tiles_of_a_web_server_give_the_same_pixels(archive, whole, tmp_path):
    with http_server(archive) as server:
        complete(job_of(archive, server.url, tmp_path / "out"), tmp_path)
    for name in ("flux", "status", "crpix"):
        assert_same(tmp_path / "out", whole, name)


def assert_same(one, other, name):
    import zarr

    arrays = [zarr.open_array(f"{output}/cutouts.zarr/{name}", mode="r")[...] for output in (one, other)]
    assert arrays[0].tobytes() == arrays[1].tobytes()
