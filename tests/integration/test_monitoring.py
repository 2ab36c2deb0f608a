"""A run as it shows itself on a real scheduler's dashboard, and from another terminal."""

import logging
import re
import threading
import time
import urllib.request

import dask
import pytest
from distributed import Client, LocalCluster

from survey_batch.cli.status import looks
from survey_batch.cluster.base import SCHEDULER_SETTINGS
from survey_batch.execution.runner import run
from survey_batch.monitor.plugin import RPC
from survey_batch.monitor.reporter import ProgressReporter
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.patience import PATIENCE
from tests.servers import Fault, http_server

pytestmark = pytest.mark.slow

OBJECTS = 12
REQUESTS = OBJECTS + 2
"""One for each file, one again for that which was answered with an error, and one by which the archive is tried."""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A finished run whose scheduler is still there: job, client, and the folder of the archive."""
    folder = tmp_path_factory.mktemp("watched")
    tables = make_archive(folder / "archive", OBJECTS)
    first = sorted((folder / "archive").glob("*.fits"))[0].name
    with (
        http_server(folder / "archive", {f"/{first}": [Fault(503)]}) as server,
        dask.config.set(SCHEDULER_SETTINGS),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", host="127.0.0.1") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        job = lamost_job({**tables, "archive": {"survey": "lamost", "root": server.url}}, folder / "out")
        run(job, client=client, performance_report=True)
        wait_for_heartbeats(client, REQUESTS)
        yield job, client, folder


def wait_for_heartbeats(client, requests):
    """Workers tell of their requests to the archive by their heartbeats, one of which comes after the run's end."""
    deadline = time.monotonic() + PATIENCE
    while figures(read(client, "metrics"), "survey_batch_archive_requests_total") != {"": requests}:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def read(client, page):
    url = client.dashboard_link.removesuffix("status") + page
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - a loopback address
        return answer.read().decode()


def figures(text, name):
    """All values of a metric, by their labels."""
    return {labels: float(value) for labels, value in re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)}


def test_prometheus_reads_statuses_and_traffic_on_the_scheduler(watched):
    _, client, folder = watched
    text = read(client, "metrics")
    assert figures(text, "survey_batch_rows") == {
        'job="test",stage="spectra",status="ok"': OBJECTS,
        'job="test",stage="features",status="ok"': OBJECTS,
    }
    assert set(figures(text, "survey_batch_left_seconds").values()) == {0.0}
    sizes = [path.stat().st_size for path in (folder / "archive").glob("*.fits")]
    assert figures(text, "survey_batch_archive_bytes_total")[""] - sum(sizes) in sizes, "one file was fetched twice"
    assert figures(text, "survey_batch_archive_requests_total") == {"": REQUESTS}
    assert figures(text, "survey_batch_archive_retries_total") == {"": 1}
    assert figures(text, "survey_batch_archive_connections") == {"": 0}
    assert "dask_scheduler_workers" in text  # Dask's own figures stay


def test_the_page_is_in_the_dashboard_beside_dasks_own(watched):
    _, client, _ = watched
    text = read(client, "survey-batch")
    assert '<a href="survey-batch">' in text
    assert '<a href="status">' in text
    assert "Task" in read(client, "status")


def test_the_performance_report_is_kept_on_request_and_needs_no_network(watched):
    _, _, folder = watched
    (report,) = (folder / "out" / "log").glob("performance-*.html")
    text = report.read_text()
    assert "spectra" in text
    assert not re.search(r'<script[^>]*src="http', text)


def test_a_second_run_on_the_same_scheduler_is_shown_beside_the_first(watched):
    job, client, folder = watched
    run(job.model_copy(update={"name": "other", "output": str(folder / "other")}), client=client)
    assert {labels.split(",")[0] for labels in figures(read(client, "metrics"), "survey_batch_rows")} == {
        'job="test"',
        'job="other"',
    }


def test_a_scheduler_that_takes_no_plugin_does_the_work_all_the_same(watched, monkeypatch, caplog):
    job, client, _ = watched

    def refuse(plugin):
        raise ValueError("plugins are not allowed here")

    monkeypatch.setattr(client, "register_plugin", refuse)
    with caplog.at_level(logging.WARNING):
        teller = ProgressReporter(client, job, client.dashboard_link)
    assert teller.page == ""
    teller.tell({}, at_once=True)
    assert "plugins are not allowed here" in caplog.text


def test_a_scheduler_that_stumbles_over_the_figures_does_not_end_a_run(watched, monkeypatch, caplog):
    job, client, _ = watched
    teller = ProgressReporter(client, job, client.dashboard_link)

    def stumble(**told):
        raise KeyError("spectra")

    monkeypatch.setitem(client.cluster.scheduler.handlers, RPC, stumble)
    with caplog.at_level(logging.WARNING):
        teller.tell({}, at_once=True)
    assert "cannot show this run's page: KeyError: 'spectra'" in caplog.text
    assert teller.page == ""


def test_following_waits_for_a_run_and_ends_with_it(tmp_path):
    tables = make_archive(tmp_path / "archive", OBJECTS)
    with http_server(tmp_path / "archive", delay=0.2) as server:
        archive = {"survey": "lamost", "root": server.url, "connections": 1}
        job = lamost_job({**tables, "archive": archive}, tmp_path / "out", cluster={"workers": 1})
        seen = looks(job.output, 0.5)
        assert next(seen) is None  # nothing is laid out yet
        worker = threading.Thread(target=run, args=(job,))
        worker.start()
        statuses = [status for status in seen if status is not None]
        worker.join()
    assert any(status.running for status in statuses)
    assert statuses[-1].complete
    assert not statuses[-1].running
