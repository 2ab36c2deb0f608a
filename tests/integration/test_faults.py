"""Every fault of the table in whole jobs: after one run, after the fault has gone, and after a run with `--retry`."""

import gzip
from threading import Event

import numpy as np
import pyarrow.parquet as pq
import pytest

from survey_batch.archive.decompress import LAMOST_CEILING, SDSS_CEILING
from survey_batch.core.status import Status
from survey_batch.execution.runner import run
from survey_batch.simulate.frames import frame_bytes
from survey_batch.simulate.strip import Strip
from survey_batch.store.products import read_status
from survey_batch.surveys.sdss.files import FRAME_SHAPE, FieldKey, frame_path
from tests.compare import assert_equal_products
from tests.faults import LANDINGS, card, kinds, pack_like, unpack
from tests.jobs import lamost_job, sdss_job, write_catalog
from tests.lamost_files import make_archive
from tests.servers import http_server

pytestmark = pytest.mark.slow

GOING_ON = {"connections": 16, "attempts": 2, "timeout": 10.0, "when_nothing_found": "go_on"}
"""A job's keys; a fault that takes time takes it twice."""


def spectra(folder, number):
    """Packed spectra of LAMOST: their names, and the job."""
    keys = make_archive(folder, number)
    catalog = folder / "catalog.csv"
    catalog.write_text(catalog.read_text().replace(".fits\n", ".fits.gz\n"))
    names = []
    for file in sorted(folder.glob("*.fits")):
        names.append(f"{file.name}.gz")
        (folder / names[-1]).write_bytes(gzip.compress(file.read_bytes(), 1))
        file.unlink()

    def job(root, output):
        archive = keys["archive"] | GOING_ON | {"root": root}
        return lamost_job(keys | {"archive": archive}, output, spectral_features={"components": 0})

    return names, job


def frames(folder, number):
    """Frames of SDSS without a star, each far from the others: their names, and the job with an object on each."""
    fields = range(100, 100 + 10 * number, 10)
    strip = Strip(301, 9001, 3, fields[0], fields[-1] - fields[0] + 1, FRAME_SHAPE)
    empty, rows, names = np.zeros(FRAME_SHAPE, np.float32), [], []
    for field in fields:
        names.append(frame_path(FieldKey(strip.rerun, strip.run, strip.camcol, field), "r"))
        (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
        (folder / names[-1]).write_bytes(frame_bytes(strip, field, "r", empty))
        ra, dec = strip.wcs(field, "r").crval
        key = {"run": strip.run, "rerun": strip.rerun, "camcol": strip.camcol, "field": field}
        rows.append({"objid": field, "ra": ra, "dec": dec, **key})
    catalog = write_catalog(folder / "objects.csv", rows)

    def job(root, output):
        archive = {"survey": "sdss", "root": root, **GOING_ON}
        return sdss_job(catalog, root, output, archive=archive, frames={"bands": "r"}, cutouts={"size": 16})

    return names, job


def with_card(line):
    """Turn a file into one that has a card more in its first header."""

    def change(raw):
        plain = unpack(raw)
        end = plain.index(b"END".ljust(80))
        return pack_like(raw, plain[:end] + line.ljust(80) + b"END".ljust(80) + plain[end + 160 :])

    return change


SURVEYS = {
    "lamost": (spectra, kinds(with_card(b"OBSID   =               999999"), LAMOST_CEILING)),
    "sdss": (frames, [kind for kind in kinds(card("CAMCOL", "6").change, SDSS_CEILING) if kind.of_file]),
}
"""Frames are large: answers that hold nothing of the file are tried on spectra alone."""


@pytest.mark.parametrize("survey", SURVEYS)
def test_each_fault_has_its_status_is_mended_when_it_has_gone_and_retried_when_it_was_final(survey, cluster, tmp_path):
    make, table = SURVEYS[survey]
    table = [kind for kind in table if not kind.alone]
    names, make_job = make(tmp_path, len(table))
    there = Event()
    there.set()
    faults = {f"/{name}": kind.while_(there) for name, kind in zip(names, table, strict=True)}
    with http_server(tmp_path, faults | LANDINGS) as server:
        job = make_job(server.url, tmp_path / "out")
        first = run(job, client=cluster)
        assert statuses(job, table) == {kind.name: kind.first for kind in table}
        noted = pq.read_table(tmp_path / "out" / "problems.parquet").to_pylist()
        assert sum(note["stage"] == job.stages[0] for note in noted) == sum(kind.first != "ok" for kind in table)
        assert not first.complete
        there.clear()
        second = run(job, client=cluster)
        assert statuses(job, table) == {kind.name: kind.then for kind in table}
        assert second.complete
        third = run(job, client=cluster, retry="not_found,unreadable")
        final = sum(kind.then != "ok" for kind in table)
        assert third.retried == dict.fromkeys(job.stages, final)
        assert third.counts == {"ok": len(table)}
        assert pq.read_table(tmp_path / "out" / "problems.parquet").num_rows == 0
        undisturbed = make_job(server.url, tmp_path / "undisturbed")
        run(undisturbed, client=cluster)
    assert_equal_products(job.output, undisturbed.output, *job.stages)


def statuses(job, table):
    """Return the status of each kind, which must be the same in all products."""
    of = [read_status(job.output, stage).reshape(len(table)) for stage in job.stages]
    assert all((status == of[0]).all() for status in of)
    return {kind.name: Status(value).name.lower() for kind, value in zip(table, of[0].tolist(), strict=True)}
