"""The stage that fetches SkyServer's images, on made-up rows and a folder of images."""

from itertools import repeat

import numpy as np
import pytest

from survey_batch.archive import download
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.stages import make_stage
from survey_batch.stages.base import take
from survey_batch.surveys.skyserver.service import image_path, image_query
from survey_batch.surveys.skyserver.stage import SkyImagesStage
from tests.jobs import archive_section
from tests.servers import Fault, http_server
from tests.sky_files import OFF_THE_FOOTPRINT, decode, encode, sky, skyserver_job

ROWS = {
    "object_id": np.array(["a", "b", "c", "d", "e"], object),
    "ra": np.array([10.0, 10.5, 200.25, 300.0, 359.999]),
    "dec": np.array([-1.0, 0.0, 45.5, 89.0, -0.25]),
}
IMAGES = {0: encode(sky(0)), 1: encode(np.zeros((64, 64, 3), np.uint8)), 2: encode(sky(2))[:-400], 3: encode(sky(3))}
STATUSES = [Status.OK, Status.OUTSIDE, Status.UNREADABLE, Status.OK, Status.NOT_FOUND]


def name(row, scale=0.396, size=64):
    return image_path(ROWS["ra"][row], ROWS["dec"][row], scale, size)


def stage(root="unused", **tables):
    return make_stage(skyserver_job("unused", root, "unused", **tables), "composites")


@pytest.fixture
def folder(tmp_path):
    for row, raw in IMAGES.items():
        path = tmp_path / name(row)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    return tmp_path


def test_each_row_gets_its_image_or_the_reason_why_not(folder):
    block = stage(folder).compute(ROWS, {})
    assert block.status.tolist() == STATUSES
    for row, status in enumerate(STATUSES):
        expected = decode(IMAGES[row]) if status is Status.OK else 0
        assert (block.data["image"][row] == expected).all()
    problems = {problem.row: problem for problem in block.problems}
    assert sorted(problems) == [1, 2, 4]
    for row, problem in problems.items():
        assert problem.status == STATUSES[row]
        assert problem.source == f"{folder}/{name(row)}"
        assert problem.message


def test_a_row_alone_and_in_a_block_are_the_same(folder):
    whole = stage(folder).compute(ROWS, {})
    for row in range(len(STATUSES)):
        alone = stage(folder).compute(take(ROWS, slice(row, row + 1)), {})
        assert alone.status[0] == whole.status[row]
        assert np.array_equal(alone.data["image"][0], whole.data["image"][row])


def test_a_server_and_a_folder_give_the_same(folder, monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    answers = {f"/{image_query(name(row))}": repeat(Fault(body=raw)) for row, raw in IMAGES.items()}
    with http_server(folder, answers) as server:
        block = stage(server.url).compute(ROWS, {})
        requests = dict(server.requests)
    assert block.status.tolist() == STATUSES
    assert np.array_equal(block.data["image"], stage(folder).compute(ROWS, {}).data["image"])
    # The damaged image is fetched once more; everything else is asked for once.
    assert sorted(requests.values()) == [1, 1, 1, 1, 2]


def test_what_the_service_says_of_its_footprint_is_a_status(folder):
    answers = {f"/{image_query(name(row))}": [OFF_THE_FOOTPRINT] for row in range(len(STATUSES))}
    with http_server(folder, answers) as server:
        block = stage(server.url).compute(ROWS, {})
    assert (block.status == Status.OUTSIDE).all()
    assert all("footprint" in problem.message for problem in block.problems)


def test_a_server_that_is_gone_is_unreachable(tmp_path):
    with http_server(tmp_path) as server:
        url = server.url
    block = stage(url, archive={"attempts": 1}).compute(take(ROWS, slice(2)), {})
    assert block.status.tolist() == [Status.UNREACHABLE] * 2


def test_scale_and_size_are_asked_for(tmp_path):
    big = sky(7, size=96)
    path = tmp_path / name(0, 0.2, 96)
    path.parent.mkdir(parents=True)
    path.write_bytes(encode(big, "PNG"))
    block = stage(tmp_path, composites={"size": 96, "scale": 0.2}).compute(take(ROWS, slice(1)), {})
    assert np.array_equal(block.data["image"][0], big)


def test_the_product_is_fixed_by_the_job():
    made = stage()
    schema = made.schema(5)
    assert [variable.name for variable in made.variables()] == ["image"]
    assert schema.shape(made.variables()[0], 5) == (5, 64, 64, 3)
    assert made.coordinates()["channel"][1].tolist() == ["red", "green", "blue"]
    assert made.variables()[0].attrs["units"] == "1"
    assert isinstance(made, SkyImagesStage)


def test_settings_are_those_on_which_values_depend():
    assert stage().settings() == stage(archive={"connections": 1, "pause": 1.0}).settings()
    assert stage().settings() == stage(composites={"size": 64, "keep": False}).settings()
    for other in ({"scale": 0.1}, {"size": 224}):
        assert stage().settings() != stage(composites=other).settings()
    assert stage("elsewhere").settings() != stage().settings()


@pytest.mark.parametrize(
    ("root", "composites", "said"),
    [
        ("x", {"size": 32}, r"composites.size is 32; SkyServer allows 64 to 2048"),
        ("x", {"scale": 0.01}, r"composites.scale is 0.01; SkyServer allows 0.015 to 60"),
        ("x", {"scale": 61.0}, "composites.scale"),
        ("https://host/ImgCutout/getjpeg", {}, "remove getjpeg"),
    ],
)
def test_a_job_that_cannot_mean_what_it_says_is_refused(root, composites, said):
    with pytest.raises(ConfigurationError, match=said):
        stage(root, composites=composites).check()


def test_a_job_as_in_the_thesis_is_fine():
    stage("https://host/ImgCutout", composites={"size": 224, "scale": 0.025}).check()


def test_skyserver_is_asked_less_hard_than_the_archives_of_files():
    def connections(**keys):
        return archive_section(root="x", **keys).connections

    assert connections(survey="skyserver") == 4
    assert connections(survey="sdss") == connections(survey="lamost") == 8
    assert connections(survey="skyserver", connections=2) == 2
