"""`survey_batch.archive.holds`: what a host asked of one worker, all keep, also when that one is gone."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from distributed import Client, LocalCluster

from survey_batch.archive import download, holds
from survey_batch.archive.download import Archive
from survey_batch.archive.holds import held, hold
from tests.jobs import archive_section
from tests.servers import Fault, http_server, too_many_requests

FITS = b"SIMPLE  =" + bytes(5000)
WAIT = 4


@pytest.fixture(autouse=True)
def _no_holds(monkeypatch):
    monkeypatch.setattr(holds, "_until", {})


def test_a_host_is_held_by_itself_and_a_shorter_time_takes_nothing_off():
    assert held("a") == 0
    hold("a", 100)
    hold("a", 5)
    assert 90 < held("a") <= 100
    assert held("b") == 0
    hold("a", 200)
    assert held("a") > 100
    hold("b", 10**9)
    assert held("b") <= holds.LONGEST_HOLD
    holds.forget()
    assert held("a") == 0


def test_the_scheduler_keeps_the_time_for_all_workers_and_one_that_is_gone_costs_nothing(monkeypatch):
    kept = {}

    def ask(what, keys, value=None, default=None):
        if what == "set_metadata":
            kept[keys[-1]] = value
        return kept.get(keys[-1], default)

    monkeypatch.setattr(holds, "_ask_scheduler", ask)
    hold("a", 100)
    monkeypatch.setattr(holds, "_until", {})  # another worker
    assert 90 < held("a") <= 100
    monkeypatch.setattr(holds, "_ask_scheduler", lambda *_, **__: None)
    assert held("a") == 0


def fetch(archive, names):
    with ThreadPoolExecutor(4) as pool:
        return sum(len(raw) for raw in pool.map(lambda name: archive.read(name, bytes), names))


def fetch_as_told(archive, name):
    """Fetch a file, and die once the server has asked for some time."""
    download.hold = lambda host, seconds: (hold(host, seconds), os.kill(os.getpid(), signal.SIGKILL))
    archive.read(name, bytes)


@pytest.mark.slow
def test_no_worker_asks_a_host_before_its_time_though_the_one_it_told_has_died(tmp_path):
    """Workers that wait, that get work later, and that come later, all keep it."""
    for number in range(40):
        (tmp_path / f"{number}.fits").write_bytes(FITS)
    faults = {"/0.fits": [too_many_requests(str(WAIT))], **{f"/{n}.fits": [Fault(delay=0.05)] for n in range(1, 40)}}
    with (
        http_server(tmp_path, faults) as server,
        LocalCluster(n_workers=3, threads_per_worker=2, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(3)
        archive = Archive(archive_section(survey="sdss", root=server.url, connections=4))
        doomed, *others = client.scheduler_info(n_workers=-1)["workers"]
        told = client.submit(fetch_as_told, archive, "0.fits", workers=[doomed], retries=0, pure=False)
        host = urlsplit(server.url).netloc
        while not client.get_metadata([holds.KEY, host], default=0):
            time.sleep(0.01)
        names = [f"{number}.fits" for number in range(1, 40)]
        tasks = [client.submit(fetch, archive, names[start::4], workers=others, pure=False) for start in range(4)]
        while doomed in (there := client.scheduler_info(n_workers=-1)["workers"]) or len(there) < 3:
            time.sleep(0.05)
        (new,) = set(there) - {doomed, *others}
        tasks.append(client.submit(fetch, archive, names[:8], workers=[new], pure=False))
        assert sum(client.gather(tasks)) == (39 + 8) * len(FITS)
        told.cancel()
    first, *rest = server.times
    early = [moment - first for moment in rest if moment - first < WAIT]
    assert early == []
