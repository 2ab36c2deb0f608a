"""`survey_batch.surveys.skyserver.service`: what is asked, and that nothing but a whole image of the sky comes out."""

import pickle
from itertools import repeat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.archive import download
from survey_batch.archive.traffic import Traffic
from survey_batch.core.errors import NotFoundError, OutsideError, TransientError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.surveys.skyserver.service import fetch_image, image_path, image_query, open_skyserver, read_image
from tests.jobs import archive_section
from tests.servers import BUSY, NOT_FOUND, PAGE, Fault, http_server
from tests.sky_files import OFF_THE_FOOTPRINT, decode, encode, message, sky

RAW = encode(sky(1))
PATH = image_path(184.9511, -0.8754, 0.396, 64)
QUERY = "/getjpeg?ra=184.9511000&dec=-0.8754000&scale=0.396&width=64&height=64"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(download, "WAIT_JITTER", 0.01)


def images(root, **settings):
    return open_skyserver(archive_section(survey="skyserver", root=str(root), **settings))


def test_the_name_and_the_query_of_an_image():
    assert PATH == "0.396/64/184/184.9511000_-0.8754000.jpg"
    assert image_query(PATH) == QUERY[1:]
    root = "https://skyserver.sdss.org/dr18/SkyServerWS/ImgCutout"
    assert images(root + "/").locate(PATH) == root + QUERY


@given(
    st.floats(0, 360),
    st.floats(-90, 90),
    st.floats(0.015, 60).map(lambda scale: round(scale, 6)),
    st.integers(64, 2048),
)
def test_a_query_asks_for_what_was_wanted(ra, dec, scale, size):
    path = image_path(ra, dec, scale, size)
    assert not set(path) & set("?&=% :\\")
    assert "/-" not in path
    asked = dict(pair.split("=") for pair in image_query(path).removeprefix("getjpeg?").split("&"))
    assert float(asked["ra"]) == pytest.approx(ra, abs=5.1e-8)
    assert float(asked["dec"]) == pytest.approx(dec, abs=5.1e-8)
    assert (float(asked["scale"]), asked["width"], asked["height"]) == (scale, str(size), str(size))


def test_a_position_has_one_name_whatever_its_sign_of_zero():
    assert image_path(-0.0, -1e-9, 0.4, 64) == image_path(0.0, 1e-9, 0.4, 64)
    assert image_path(np.float64(10.5), np.float64(2), 0.4, 64) == image_path(10.5, 2, 0.4, 64)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_pixels_are_those_of_pillow(kind):
    raw = encode(sky(2), kind)
    pixels = read_image(raw, 64)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, decode(raw))


def test_a_png_is_told_by_its_content_and_loses_transparency():
    opaque = np.dstack([sky(3), np.full((64, 64), 255, np.uint8)])
    assert np.array_equal(read_image(encode(opaque, "PNG"), 64), sky(3))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (PAGE.body, "damaged image"),
        (b"", "damaged image"),
        (RAW[:300], "damaged image"),
        (RAW[: len(RAW) // 2], "damaged image"),
        (encode(sky(1), "PNG")[:-200], "damaged image"),
        (encode(sky(1), "GIF"), "damaged image"),
        (encode(sky(1, size=65)), "65 x 65 pixels, not 64 x 64"),
        (encode(sky(1)[:, :40]), "40 x 64 pixels"),
    ],
    ids=["page", "nothing", "header", "half", "short PNG", "GIF", "too large", "not square"],
)
def test_what_is_no_whole_image_of_that_size_is_unreadable(raw, said):
    with pytest.raises(UnreadableError, match=said):
        read_image(raw, 64)


@given(st.integers(0, len(RAW) - 1))
def test_an_image_cut_short_is_refused_or_loses_nothing(length):
    try:
        assert np.array_equal(read_image(RAW[:length], 64), decode(RAW))
    except UnreadableError:
        pass
    else:
        assert length >= len(RAW) - 2  # the end mark alone is missing


@pytest.mark.parametrize("size", [64, 224, 512])
def test_a_message_on_black_is_not_taken_for_the_sky(size):
    words = "Requested (ra, dec) is outside the SDSS footprint. It has no image of this place at all."
    with pytest.raises(UnreadableError, match="wrote a message on black"):
        read_image(encode(message(words, size)), size)


def test_a_place_without_imaging_is_outside():
    pixels = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(OutsideError, match="middle of the image is black"):
        read_image(encode(pixels), 64)
    pixels[:, :12] = sky(4)[:, :12]
    with pytest.raises(OutsideError):
        read_image(encode(pixels), 64)
    assert OutsideError.status is Status.OUTSIDE


def test_an_image_with_a_black_edge_is_an_image():
    pixels = sky(5)
    pixels[:, 40:] = 0
    assert read_image(encode(pixels), 64).any()


class TestService:
    def test_an_image_comes_as_it_was_sent(self, tmp_path):
        with http_server(tmp_path, {QUERY: [Fault(body=RAW)]}) as server:
            assert np.array_equal(fetch_image(images(server.url), PATH, 64), decode(RAW))
            assert server.requests == {QUERY: 1}

    def test_a_black_image_is_told_with_its_address(self, tmp_path):
        black = encode(np.zeros((64, 64, 3), np.uint8))
        with (
            http_server(tmp_path, {QUERY: [Fault(body=black)]}) as server,
            pytest.raises(OutsideError, match="the middle of the image is black") as caught,
        ):
            fetch_image(images(server.url), PATH, 64)
        assert server.url + QUERY in str(caught.value)

    def test_a_position_off_the_footprint_is_outside_and_asked_for_once(self, tmp_path):
        with http_server(tmp_path, {QUERY: repeat(OFF_THE_FOOTPRINT)}) as server:
            with pytest.raises(OutsideError, match="says the service") as caught:
                fetch_image(images(server.url), PATH, 64)
            assert server.requests[QUERY] == 1
        assert server.url + QUERY in str(caught.value)

    def test_another_404_is_not_found(self, tmp_path):
        with http_server(tmp_path, {QUERY: repeat(NOT_FOUND)}) as server, pytest.raises(NotFoundError, match="404"):
            fetch_image(images(server.url), PATH, 64)

    def test_a_busy_service_is_asked_again(self, tmp_path):
        with http_server(tmp_path, {QUERY: [BUSY, PAGE, Fault(body=RAW)]}) as server:
            archive = images(server.url)
            assert np.array_equal(fetch_image(archive, PATH, 64), decode(RAW))
        assert archive.traffic.take()[:3] == (3, 2, len(RAW))

    def test_a_page_is_never_an_image(self, tmp_path):
        with http_server(tmp_path, {QUERY: repeat(PAGE)}) as server:
            with pytest.raises(TransientError, match="expected a JPEG or PNG image, got an HTML page"):
                fetch_image(images(server.url), PATH, 64)
            assert server.requests[QUERY] == download.PAGE_ATTEMPTS

    def test_fits_is_not_an_image(self, tmp_path):
        fits = b"SIMPLE  =                    T".ljust(2880)
        with http_server(tmp_path, {QUERY: repeat(Fault(body=fits))}) as server, pytest.raises(UnreadableError):
            fetch_image(images(server.url), PATH, 64)

    def test_a_damaged_image_is_fetched_again(self, tmp_path):
        with http_server(tmp_path, {QUERY: [Fault(body=RAW[:-300]), Fault(body=RAW)]}) as server:
            archive = images(server.url, cache=str(tmp_path / "cache"))
            assert np.array_equal(fetch_image(archive, PATH, 64), decode(RAW))
            assert np.array_equal(fetch_image(archive, PATH, 64), decode(RAW))
            assert server.requests[QUERY] == 2

    def test_the_cache_of_a_server_is_a_folder_archive(self, tmp_path):
        with http_server(tmp_path, {QUERY: [Fault(body=RAW)]}) as server:
            fetch_image(images(server.url, cache=str(tmp_path / "cache")), PATH, 64)
        (folder,) = (tmp_path / "cache").iterdir()
        archive = images(folder)
        assert np.array_equal(fetch_image(archive, PATH, 64), decode(RAW))
        assert archive.locate(PATH) == f"{folder}/{PATH}"
        with pytest.raises(NotFoundError):
            fetch_image(archive, image_path(1, 2, 0.396, 64), 64)

    def test_an_archive_can_be_pickled(self, tmp_path):
        with http_server(tmp_path, {QUERY: [Fault(body=RAW)]}) as server:
            archive = pickle.loads(pickle.dumps(images(server.url)))  # noqa: S301
            assert np.array_equal(fetch_image(archive, PATH, 64), decode(RAW))
        assert archive.traffic.take() != Traffic()

    def test_a_connection_rests_after_each_request(self, tmp_path):
        with http_server(tmp_path, {QUERY: [BUSY, Fault(body=RAW)]}) as server:
            fetch_image(images(server.url, connections=1, pause=0.2), PATH, 64)
        first, second = server.times
        assert second - first >= 0.2
