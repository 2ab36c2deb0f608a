"""A whole job on SkyServer's images, against a server that draws what is asked and misbehaves for some objects."""

from itertools import repeat

import numpy as np
import pyarrow.parquet as pq
import pytest
import xarray as xr

from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.surveys.skyserver.service import image_path, image_query
from tests.servers import BUSY, NOT_FOUND, PAGE, Fault, http_server, too_many_requests
from tests.sky_files import OFF_THE_FOOTPRINT, decode, encode, message, sky, skyserver_job

SIZE, SCALE = 72, 0.25
IMAGES = [encode(sky(row, SIZE)) for row in range(14)]
BLACK = encode(np.zeros((SIZE, SIZE, 3), np.uint8))

ANSWERS = {
    1: (repeat(NOT_FOUND), Status.NOT_FOUND),
    2: ([BUSY, Fault(body=IMAGES[2])], Status.OK),
    3: (repeat(Fault(body=IMAGES[3][:-500])), Status.UNREADABLE),
    4: ([too_many_requests("1"), Fault(body=IMAGES[4])], Status.OK),
    5: (repeat(OFF_THE_FOOTPRINT), Status.OUTSIDE),
    6: (repeat(Fault(body=BLACK)), Status.OUTSIDE),
    7: (repeat(Fault(body=encode(message(size=SIZE)))), Status.UNREADABLE),
    8: (repeat(Fault(body=encode(sky(8, SIZE + 1)))), Status.UNREADABLE),
    9: (repeat(Fault(body=IMAGES[9], sent=0.5)), Status.UNREACHABLE),
    10: (repeat(PAGE), Status.UNREACHABLE),
}
"""What the server does, and the status in which the object ends; for all others it sends the image."""


def position(row):
    return 150.0 + 7.123456789 * row, 30.0 - 5.5 * row


def query(row):
    return "/" + image_query(image_path(*position(row), SCALE, SIZE))


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    answers = {query(row): repeat(Fault(body=raw)) for row, raw in enumerate(IMAGES)}
    answers |= {query(row): answer for row, (answer, _) in ANSWERS.items()}
    with http_server(tmp_path_factory.mktemp("empty"), answers, delay=0.02) as server:
        yield server


@pytest.fixture(scope="module")
def output(server, cluster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("skyserver")
    lines = [
        "object_id,ra,dec",
        *(f"star{row},{ra!r},{dec!r}" for row, (ra, dec) in enumerate(map(position, range(14)))),
    ]
    (folder / "catalog.csv").write_text("\n".join(lines) + "\n")
    keys = {"archive": {"connections": 3, "attempts": 2}, "composites": {"size": SIZE, "scale": SCALE}}
    job = skyserver_job(folder / "catalog.csv", server.url, folder / "out", **keys)
    assert sum(run(job, client=cluster).counts.values()) == len(IMAGES)
    return folder / "out"


@pytest.fixture(scope="module")
def composites(output):
    return xr.open_zarr(output / "composites.zarr", chunks=None, mask_and_scale=False).load()


def row_of(composites, number):
    return composites.object_id.values.tolist().index(f"star{number}")


def test_each_answer_ends_in_its_status(composites):
    expected = [ANSWERS[row][1] if row in ANSWERS else Status.OK for row in range(14)]
    found = [composites.status.values[row_of(composites, row)] for row in range(14)]
    assert [Status(status).name for status in found] == [status.name for status in expected]


def test_images_are_those_that_the_server_sent(composites):
    assert composites.image.dims == ("object", "y", "x", "channel")
    assert composites.channel.values.tolist() == ["red", "green", "blue"]
    for number, raw in enumerate(IMAGES):
        row = row_of(composites, number)
        good = composites.status.values[row] == Status.OK
        assert np.array_equal(composites.image.values[row], decode(raw) if good else np.zeros_like(decode(raw)))


def test_the_run_keeps_to_its_connections(composites, server):
    assert composites.sizes["object"] == len(IMAGES)
    assert 1 < server.most_open_requests <= 3


def test_each_problem_has_a_message_and_an_address(composites, output, server):
    notes = {note["object_id"]: note for note in pq.read_table(output / "problems.parquet").to_pylist()}
    assert len(notes) == (composites.status.values != Status.OK).sum()
    for number, said in {10: "HTML page", 1: "404", 3: "damaged image", 5: "footprint", 7: "message on black"}.items():
        note = notes[f"star{number}"]
        assert said in note["message"]
        assert note["source"] == server.url + query(number)
