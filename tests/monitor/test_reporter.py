"""What the driver tells the scheduler, how often, and that no scheduler ends a run by not listening."""

from types import SimpleNamespace

import pytest

from survey_batch.monitor import reporter
from survey_batch.monitor.plugin import RPC
from survey_batch.monitor.progress import StageProgress
from survey_batch.monitor.reporter import ProgressReporter

JOB = SimpleNamespace(name="test", output="out")
LINK = "http://127.0.0.1:8787/status (from elsewhere: ...)"


class Client:
    """A client that notes what it is asked."""

    def __init__(self, error=None):
        self.told, self.plugins, self.error, self.status = [], [], error, "running"
        self.scheduler = SimpleNamespace(**{RPC: "progress"})

    def register_plugin(self, plugin):
        if self.error:
            raise self.error
        self.plugins.append(type(plugin).__name__)

    def sync(self, call, **told):
        if self.error:
            raise self.error
        self.told.append((call, told))


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(reporter.time, "monotonic", lambda: now.seconds)
    return now


STAGES = {"spectra": StageProgress("spectra", 10)}


def test_progress_is_told_once_a_second_and_at_once_where_it_matters(clock):
    client = Client()
    report = ProgressReporter(client, JOB, LINK)
    assert client.plugins == ["Monitor", "TrafficMetrics"]
    for seconds, at_once in ((0, False), (0.5, False), (0.5, True), (0.4, False), (1.1, False)):
        clock.seconds += seconds
        report.tell(STAGES, at_once=at_once)
    assert len(client.told) == 3
    call, told = client.told[0]
    assert call == "progress"
    assert (told["job"], told["output"]) == ("test", "out")
    assert (told["stages"][0]["name"], told["stages"][0]["total"]) == ("spectra", 10)


@pytest.mark.parametrize(
    ("dashboard", "page"),
    [(LINK, "http://127.0.0.1:8787/survey-batch"), ("none: install bokeh", ""), ("http://host/other", "")],
)
def test_the_page_lies_beside_dask_s_own(dashboard, page):
    assert ProgressReporter(Client(), JOB, dashboard).page == page


def test_a_scheduler_that_takes_no_plugin_is_told_nothing_and_the_log_says_why(caplog):
    report = ProgressReporter(Client(ImportError("no module")), JOB, LINK)
    assert "cannot show this run's page: ImportError: no module" in caplog.text
    assert report.page == ""
    report.tell(STAGES, at_once=True)


def test_a_scheduler_that_stumbles_is_told_nothing_more(caplog):
    client = Client()
    report = ProgressReporter(client, JOB, LINK)
    client.error = ValueError("bad figures")
    report.tell(STAGES, at_once=True)
    client.error = None
    report.tell(STAGES, at_once=True)
    assert client.told == []
    assert "ValueError: bad figures" in caplog.text


def test_a_scheduler_that_is_gone_is_no_matter_of_figures():
    client = Client()
    report = ProgressReporter(client, JOB, LINK)
    client.error = OSError("closed")
    with pytest.raises(OSError, match="closed"):
        report.tell(STAGES, at_once=True)
