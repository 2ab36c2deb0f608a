"""Checks of one worker."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from survey_batch.cluster.tables import Table
from survey_batch.config.job import ClusterSection
from survey_batch.core.findings import Site, State
from survey_batch.core.versions import versions
from survey_batch.doctor import workers
from survey_batch.doctor.workers import judge_clock
from tests.jobs import lamost_job
from tests.models.folders import write_folder

UNUSED = {"catalog": {"path": "unused"}, "archive": {"survey": "lamost", "root": "unused"}}


@pytest.mark.parametrize(
    ("skew", "error", "state"), [(0.9, 0.01, State.OK), (-1.5, 0.01, State.WARNING), (1.5, 0.6, State.OK)]
)
def test_a_clock_is_wrong_where_the_round_trip_cannot_explain_it(skew, error, state):
    finding = judge_clock(Site("there"), skew, error)
    assert finding.state == state
    assert ("ahead of" if skew > 0 else "behind") in finding.found


GB = 10**9
ABOUT = {
    "memory_limit": 2 * GB,
    "memory_here": 8 * GB,
    "memory_total": 16 * GB,
    "scratch": "/scratch",
    "scratch_free": 9 * GB,
}
SITE = Site("there")


def table(**keys):
    return Table("cluster", ClusterSection(kind="slurm", workers=1, **keys), "all phases", predicts=False)


class Visit:
    """A worker that is this process."""

    def __init__(self):
        client = SimpleNamespace(get_versions=lambda **_: {}, scheduler=SimpleNamespace(address="tcp://a"))
        self.connection, self.waited = (
            SimpleNamespace(client=client, dashboard="http://127.0.0.1:1/status (here)"),
            1.25,
        )

    def ask(self, function, *arguments):
        return function(*arguments)


@pytest.mark.parametrize(("processes", "state"), [(1, State.OK), (4, State.OK), (5, State.WARNING)])
def test_the_memory_of_all_workers_of_a_job_must_be_there(processes, state):
    finding = workers._memory(SITE, table(processes=processes), ABOUT)
    assert finding.state == state
    assert ("lower cluster.memory or cluster.processes" in finding.advice) == (state is State.WARNING)
    assert (f"{processes} workers of 2.0 GB each" in finding.found) == (processes > 1)
    assert finding.found.endswith("in all 8.0 GB of the machine's 16.0 GB")


@pytest.mark.parametrize(("processes", "state"), [(4, State.OK), (5, State.WARNING)])
def test_the_disk_must_hold_what_all_workers_may_write_there(processes, state):
    finding = workers._scratch(SITE, table(processes=processes), ABOUT)
    assert finding.state == state
    assert finding.found == "9.0 GB free in /scratch"
    assert ("up to 10.0 GB may be written there" in finding.advice) == (state is State.WARNING)


def test_the_shortest_round_trip_decides_about_the_clock(monkeypatch):
    now, trips = [0.0], iter([5.0, 5.0, 0.2, 5.0, 5.0])

    class FastVisit(Visit):
        def ask(self, function):
            trip = next(trips)
            now[0] += trip / 2
            there = now[0] + 3.0  # it is ahead by this
            now[0] += trip / 2
            return there

    monkeypatch.setattr(workers.time, "time", lambda: now[0])
    (finding,) = workers._clock(SITE, FastVisit())
    assert finding.state is State.WARNING
    assert finding.found == "3.000 s ahead of this machine's, give or take 0.100 s"


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({}, State.OK, "packages as here, such as numpy"),
        ({"scipy": "0.1"}, State.WARNING, "scipy is 0.1 there, here"),
        ({"scipy": None}, State.WARNING, "scipy is missing there, here"),
        ({"survey-batch": "0.0"}, State.FAILED, "survey-batch is 0.0 there"),
    ],
)
def test_versions_on_which_results_depend_are_compared(monkeypatch, change, state, said):
    monkeypatch.setattr(workers, "check_versions", lambda *_: None)
    there = {"python": "3.11.7", **versions(), **change}
    there = {name: version for name, version in there.items() if version is not None}
    (finding,) = workers._versions(SITE, Visit(), there)
    assert finding.state is state
    assert said in finding.found


def test_an_output_that_both_sides_see_is_taken(tmp_path):
    job = lamost_job(UNUSED, tmp_path / "out")
    (finding,) = workers._output(SITE, job, Visit(), {"folder": "/home"})
    assert finding.state is State.OK
    assert "the same folder" in finding.found
    assert not list((tmp_path / "out").rglob("token")), "nothing is left behind"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda *_: None, "what is written to {out} here is not seen there"),
        (lambda *_: ("another token", 0.0), "what is written to {out} here is not seen there"),
        (lambda given, *_: (Path(given).read_text(), 0.0), "what is written to {out} there is not seen here"),
    ],
)
def test_an_output_that_one_side_does_not_see_is_found(tmp_path, monkeypatch, answer, said):
    monkeypatch.setattr(workers, "exchange", answer)
    monkeypatch.setattr("survey_batch.doctor.probes.SHARED_SECONDS", 0.0)
    job = lamost_job(UNUSED, tmp_path / "out")
    (finding,) = workers._output(SITE, job, Visit(), {"folder": "/home"})
    assert finding.state is State.FAILED
    assert finding.found == said.format(out=tmp_path / "out")


def test_a_classifier_must_be_the_same_on_both_sides(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    job = lamost_job(UNUSED, tmp_path / "out", ("spectra", "predictions"), predictions={"classifier": str(folder)})
    assert [one.state for one in workers._classifier(SITE, job, Visit())] == [State.SKIPPED]
    write_folder(folder)
    assert [one.state for one in workers._classifier(SITE, job, Visit())] == [State.OK]
    there = SimpleNamespace(ask=lambda *_: "0123456789abcdef")
    (finding,) = workers._classifier(SITE, job, there)
    assert finding.state is State.FAILED
    assert "the content differs, fingerprint 0123456789ab there, " in finding.found


def test_a_dashboard_that_does_not_answer_is_no_failure():
    (finding,) = workers._dashboard(SITE, Visit())
    assert finding.state is State.WARNING
    assert "http://127.0.0.1:1/status does not answer" in finding.found


def test_a_worker_tells_where_it_is_and_how_long_it_took():
    about = {"host": "n1", "slurm_job": "7"}
    assert workers._arrival(Visit(), about) == "on n1 after 1.2 s, SLURM job 7"
    assert workers._arrival(Visit(), {**about, "slurm_job": ""}) == "on n1 after 1.2 s"
