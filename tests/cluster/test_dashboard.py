"""Dask's dashboard is there, all of it, as soon as somebody looks at it."""

import json
import subprocess
import sys
from http.client import HTTPConnection
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from distributed import Client, LocalCluster

from survey_batch.cluster.dashboard import WITHOUT_PAGES, await_dashboard, when_loaded
from survey_batch.monitor.plugin import Monitor
from survey_batch.monitor.run_figures import PAGE
from tests.patience import PATIENCE


@pytest.fixture
def cluster():
    """A scheduler of this process, without workers."""
    with LocalCluster(
        n_workers=0, processes=False, dashboard_address="127.0.0.1:0", scheduler_kwargs=WITHOUT_PAGES
    ) as made:
        yield made


def fetched(cluster, path):
    """Fetch a page as a browser would, redirections included."""
    port = cluster.scheduler_info["services"]["dashboard"]
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return answer.read().decode()


def test_the_first_look_finds_every_page(cluster):
    await_dashboard(cluster)
    assert "bokeh" in fetched(cluster, "/status").lower()
    assert cluster.scheduler.http_application.applications[0].app_paths  # of Bokeh alone: what waited has gone
    assert len(cluster.scheduler.http_application.applications) == 1
    assert "bokeh" in fetched(cluster, "/workers").lower()
    with pytest.raises(HTTPError, match="404"):
        fetched(cluster, "/no-such-page")


def test_head_is_answered_as_get_is(cluster):
    await_dashboard(cluster)
    asked = HTTPConnection("127.0.0.1", cluster.scheduler_info["services"]["dashboard"], timeout=PATIENCE)
    said = []
    for path in ("/status", "/status", "/no-such-page"):
        asked.request("HEAD", path)
        with asked.getresponse() as answer:
            said.append(answer.status)
    asked.close()
    assert said == [302, 200, 404]  # at first, that one should ask again


def test_the_address_alone_leads_to_the_first_page(cluster):
    await_dashboard(cluster)
    assert "bokeh" in fetched(cluster, "/").lower()


@pytest.mark.parametrize(
    ("path", "held"), [("/individual-plots.json", "/individual-task-stream"), ("/sitemap.json", "/status")]
)
def test_lists_of_pages_are_whole_before_anybody_has_looked(cluster, path, held):
    await_dashboard(cluster)
    assert held in json.dumps(json.loads(fetched(cluster, path)))
    assert held in json.dumps(json.loads(fetched(cluster, path)))


def test_the_first_look_leads_nowhere_else(cluster):
    await_dashboard(cluster)
    with pytest.raises(HTTPError, match="404"):
        fetched(cluster, "//another.host/status")


@pytest.mark.parametrize("before", [True, False])
def test_pages_of_others_are_added_when_it_is_loaded(cluster, before):
    await_dashboard(cluster)
    added = []
    if not before:
        fetched(cluster, "/status")
    when_loaded(cluster.scheduler, lambda: added.append("page"))
    assert bool(added) is not before
    fetched(cluster, "/status")
    assert added == ["page"]


def test_the_page_of_a_run_is_there_at_the_first_look(cluster):
    await_dashboard(cluster)
    with Client(cluster) as client:
        client.register_plugin(Monitor())
        assert "bokeh" in fetched(cluster, "/survey-batch").lower()
        assert PAGE in cluster.scheduler.http_application.applications[-1].app_paths


def test_a_run_that_nobody_watches_imports_no_page():
    code = (
        "import sys\nfrom survey_batch.cluster import connect\nfrom survey_batch.config.job import ClusterSection\n"
        "from survey_batch.monitor.plugin import Monitor\n"
        "if __name__ == '__main__':\n"
        "    with connect(ClusterSection(workers=1, memory='1 GB')) as connection:\n"
        "        connection.client.register_plugin(Monitor())\n"
        "    sys.exit('bokeh' in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
