"""What the page says."""

from types import SimpleNamespace

from survey_batch.monitor.page import RunPage, archive, head
from survey_batch.monitor.run_figures import RunFigures

STAGES = [
    {"name": "cutouts", "total": 2000, "done": 1500, "worked": 1500, "counts": {"ok": 1400, "partial": 100},
     "rate": 25.0, "seconds_left": 20.0, "left": "20 s",
     "reasons": [("partial", "<i> is missing", 100)]},
    {"name": "features", "total": 2000, "done": 0, "worked": 0, "counts": {}, "rate": 0.0, "seconds_left": None,
     "left": "?", "reasons": []},
]  # fmt: skip


def test_each_stage_has_its_statuses_rate_and_time_left():
    text = head(RunFigures("strip", "runs/strip", stages=STAGES), 0)
    assert "1,500 of 2,000" in text
    assert "1,400 ok, 100 partial" in text
    assert "20 s" in text
    assert ">?<" in text  # nothing is known of features yet
    assert "pending" in text


def test_reasons_are_shown_with_how_many_they_are_of():
    text = head(RunFigures("strip", "runs/strip", stages=STAGES), 0)
    assert "reason, with one example" in text
    assert "&lt;i&gt; is missing" in text
    assert "reason" not in head(RunFigures("strip", "runs/strip", stages=STAGES[1:]), 0)


def test_names_cannot_smuggle_markup():
    assert "<script>" not in head(RunFigures("<script>", "runs/<script>", stages=STAGES), 1)


def test_archive_and_gpus_are_told_of(monitor):
    assert "no remote archive" in archive(monitor)
    assert "GPU" not in archive(monitor)
    metrics = {"survey_batch": {"bytes": 10**6, "requests": 1200, "retries": 3}, "gpu_utilization": 50}
    monitor.scheduler.workers = {"a": SimpleNamespace(server_id="1", name="1", metrics=metrics)}
    text = archive(monitor)
    assert "1.0 MB" in text
    assert "1,200 requests, retries among them: 3" in text
    assert "1 GPU, 50% busy" in text


def test_the_page_follows_the_run(monitor):
    page = RunPage(monitor)
    assert "No run has reported yet" in page.head.text
    for worked in (0, 1500):
        monitor.progress("strip", "runs/strip", [{**STAGES[0], "worked": worked}, STAGES[1]])
    page.update()
    assert page.speed.data["stage"] == ["cutouts", "features"]
    assert page.speed.data["rate"][0][-1] > 0
    assert page.speed.data["rate"][1] == [0.0, 0.0]
    assert len(page.flow.data["time"]) == 2
