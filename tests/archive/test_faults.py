"""Every fault of the table, on both kinds of packed file, without a cluster: the status, now and when it has gone."""

import bz2
import gzip
from threading import Event

import numpy as np
import pytest

from survey_batch.archive import attempt, download, holds
from survey_batch.archive.decompress import decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import ObjectError, TransientError, UnreadableError
from survey_batch.core.status import Status
from tests.faults import BLOCK, CARD, LANDINGS, kinds
from tests.jobs import archive_section
from tests.servers import http_server

CEILING = 1_000_000
PIXELS = np.random.default_rng(1).integers(0, 256, 40_000, dtype=np.uint8).tobytes()


def fits_file(name):
    cards = ["SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    1"]
    cards += [f"NAXIS1  = {len(PIXELS):20}", f"OBJECT  = '{name}'", "END"]
    header = "".join(card.ljust(CARD) for card in cards).encode().ljust(BLOCK)
    return header + PIXELS + bytes(-len(PIXELS) % BLOCK)


PACK = {"bz2": bz2.compress, "gz": lambda raw: gzip.compress(raw, mtime=0)}
TABLE = kinds(lambda raw: PACK["bz2" if raw.startswith(b"BZh") else "gz"](fits_file("other")), bomb=CEILING)


def read(raw):
    """Read a file as a survey's reader does."""
    primary = primary_unit(decompress(raw, CEILING))
    extensions(primary)
    if (bitpix := primary.integer("BITPIX")) != 8:
        raise UnreadableError(f"BITPIX is {bitpix}")
    if (name := primary.value("OBJECT")) != "mine":
        raise UnreadableError(f"the file of {name}")
    return primary.pixels().tobytes()


def status_of(archive, path):
    try:
        pixels = archive.read(path, read)
    except (ObjectError, TransientError) as failure:
        status, message = Status(failure.status).name.lower(), str(failure)
        assert archive.locate(path) in message
        return status
    assert pixels == PIXELS
    return "ok"


@pytest.fixture(scope="module", params=PACK)
def served(request, tmp_path_factory):
    """A hasty and a patient archive on one server, and for each kind its file, and whether its fault is there."""
    folder = tmp_path_factory.mktemp(request.param)
    files, faults = {}, dict(LANDINGS)
    for number, kind in enumerate(TABLE):
        path, there = f"{number}.fits.{request.param}", Event()
        (folder / path).write_bytes(PACK[request.param](fits_file("mine")))
        there.set()
        files[kind.name] = path, there
        faults[f"/{path}"] = kind.while_(there)
    with http_server(folder, faults) as server:
        sections = (archive_section(survey="sdss", root=server.url, attempts=2, timeout=t) for t in (0.2, 60.0))
        yield *map(Archive, sections), files


@pytest.mark.parametrize("kind", TABLE, ids=[kind.name for kind in TABLE])
def test_a_fault_is_final_only_if_the_file_came_whole_and_is_wrong(served, kind, monkeypatch):
    monkeypatch.setattr(download, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(download, "WAIT_JITTER", 0.01)
    monkeypatch.setattr(attempt, "LARGEST_FILE", 2_000_000)
    hasty, patient, files = served
    path, there = files[kind.name]
    try:
        assert status_of(hasty if kind.slow else patient, path) == kind.first
    finally:
        there.clear()
        holds.forget()
    if kind.first == "unreachable":
        assert status_of(patient, path) == "ok"


def test_the_table_is_long_and_its_names_differ():
    assert len({kind.name for kind in TABLE}) == len(TABLE) >= 40
