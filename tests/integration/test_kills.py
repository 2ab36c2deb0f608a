"""Runs of the command line that are killed: they go on, and end with the same products, bit for bit."""

import json
import os
import random
import signal

import psutil
import pyarrow.parquet as pq
import pytest
from distributed import Client

from tests.compare import assert_equal_products, rows_done
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.processes import command, complete, dask_cluster, kill
from tests.servers import http_server

pytestmark = pytest.mark.slow

OBJECTS, SHARD = 64, 4
PRODUCTS = ("spectra", "features")
NOISE = ("Traceback", "distributed.", "stamina", "Task exception", "leaked", "CommClosed")
"""What a user must never see."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A slow archive, so that there is a middle to be hit: each answer takes a while."""
    folder = tmp_path_factory.mktemp("archive")
    keys = make_archive(folder, OBJECTS)
    with http_server(folder, delay=0.25) as server:
        yield {**keys, "archive": {**keys["archive"], "root": server.url, "connections": 32}}


def moment(seed):
    """After how many rows to kill, at random, and never so late that nothing is left to do."""
    return random.Random(seed).randrange(1, OBJECTS - 4 * SHARD)


def make_job(archive, output, kind="local"):
    cluster = {"kind": kind, "workers": 2, "memory": "1 GB"}
    # A short range of wavelengths: fitting components to the whole one takes longer than the rest.
    spectra = {"wavelength_min": 4000, "wavelength_max": 5000}
    return lamost_job(archive, output, PRODUCTS, shards={"objects": SHARD}, cluster=cluster, spectra=spectra)


@pytest.fixture(scope="module")
def undisturbed(archive, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    messages = complete(make_job(archive, folder / "out"), folder)
    assert_quiet(messages)
    return folder / "out"


def assert_quiet(messages):
    assert not [noise for noise in NOISE if noise in messages], messages


def assert_same_as(undisturbed, output):
    assert_equal_products(undisturbed, output, *PRODUCTS)
    account = json.loads((output / "run.json").read_text())
    assert account["counts"] == {"ok": OBJECTS}
    assert pq.read_table(output / "problems.parquet").num_rows == 0
    assert not (output / "lock.json").exists()


def test_killed_workers_are_replaced_and_the_run_ends_as_if_nothing_had_been(archive, undisturbed, tmp_path):
    with command(make_job(archive, tmp_path / "out"), tmp_path) as running:
        for number, rows in enumerate(sorted((moment(1), moment(6)))):
            running.wait_for(rows)
            kill(running.workers[number % 2])
        assert running.wait() == 0, running.messages
        assert_quiet(running.messages)
    assert_same_as(undisturbed, tmp_path / "out")


def test_a_killed_client_leaves_no_workers_and_the_same_command_goes_on(archive, undisturbed, tmp_path):
    job = make_job(archive, tmp_path / "out")
    for product, rows in (("spectra", moment(2)), ("features", 1)):
        with command(job, tmp_path) as running:
            running.wait_for(rows, product)
            kill(running.process)
            running.wait()
        assert (tmp_path / "out" / "lock.json").exists()
    done = rows_done(tmp_path / "out", "features")
    assert_quiet(complete(job, tmp_path))
    assert_same_as(undisturbed, tmp_path / "out")
    (account,) = json.loads((tmp_path / "out" / "run.json").read_text())["runs"]
    assert account["stages"]["spectra"].get("rows_done", 0) == 0
    assert account["stages"]["features"].get("rows_done", 0) == OBJECTS - done


def test_a_killed_scheduler_ends_the_run_with_advice_and_another_one_goes_on(archive, undisturbed, tmp_path):
    with dask_cluster(tmp_path / "dask") as (address, scheduler):
        with command(make_job(archive, tmp_path / "out", address), tmp_path) as running:
            running.wait_for(moment(3))
            kill(scheduler)
            assert running.wait() == 1, running.messages
        assert "lost the Dask scheduler" in running.messages
        assert "run the same command again" in running.messages
        assert_quiet(running.messages)
    complete(make_job(archive, tmp_path / "out"), tmp_path)
    assert_same_as(undisturbed, tmp_path / "out")


def test_two_jobs_on_one_scheduler_do_not_mix_and_survive_a_worker(archive, undisturbed, tmp_path):
    with dask_cluster(tmp_path / "dask") as (address, _):
        one, other = (make_job(archive, tmp_path / name / "out", address) for name in ("one", "other"))
        with command(one, tmp_path / "one") as first, command(other, tmp_path / "other") as second:
            first.wait_for(moment(4) // 2)
            kill(some_worker(address))
            for running in (first, second):
                assert running.wait() == 0, running.messages
                assert_quiet(running.messages)
    assert_same_as(undisturbed, tmp_path / "one" / "out")
    assert_same_as(undisturbed, tmp_path / "other" / "out")


def some_worker(address):
    with Client(address, set_as_default=False) as client:
        return psutil.Process(min(client.run(os.getpid).values()))


def test_ctrl_c_ends_within_seconds_with_one_message_and_the_next_run_goes_on(archive, undisturbed, tmp_path):
    job = make_job(archive, tmp_path / "out")
    with command(job, tmp_path) as running:
        running.wait_for(moment(5))
        # A terminal sends it to all processes of the command, the workers too.
        for process in (running.process, *running.children):
            process.send_signal(signal.SIGINT)
        assert running.wait() == 130, running.messages
        assert running.messages.count("Stopped.") == 1
        assert "run the same command again" in running.messages
        assert_quiet(running.messages)
    assert not (tmp_path / "out" / "lock.json").exists()
    complete(job, tmp_path)
    assert_same_as(undisturbed, tmp_path / "out")
