"""Words, numbers and bars of the page."""

import re
from dataclasses import replace

import pytest

from survey_batch.report.overview import head, settings_section, stage_section, timing_section
from survey_batch.report.stage_status import StageStatus
from survey_batch.report.summary import summarize
from tests.report.outputs import make_spectra, shard_line, spectra_job, write_accounts, write_log

TIMING = {"counts": {"ok": 24}, "rows_done": 24, "wall_seconds": 12.0, "cpu_seconds": 3.0, "nbytes": 2_500_000}


@pytest.fixture(scope="module")
def status(tmp_path_factory):
    job = spectra_job(tmp_path_factory.mktemp("overview"), stages=("spectra",))
    make_spectra(job)
    write_accounts(job, {"spectra": TIMING}, notes=["a <note> é"])
    return summarize(job.output)


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", str(html)))


def test_the_head_has_the_name_the_counts_the_last_run_and_the_notes(status):
    text = text_of(head(status))
    for words in ("24 objects", "24 ok", "LAMOST: spectra", "last run 2026-01-01 00:00 UTC, 75 s", "a &lt;note&gt; é"):
        assert words in text
    assert "together" not in text


def test_several_runs_are_added_up(status):
    text = text_of(head(replace(status, runs=[*status.runs, *status.runs])))
    assert "2 runs, 2 min together" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"holder": {"pid": 7}}, "A run is under way"),
        (
            {"stages": (StageStatus("spectra", "object", 3, {"pending": 3}, 3, 0, 1, 0),)},
            "Not complete",
        ),
        ({}, None),
    ],
)
def test_a_page_of_something_unfinished_says_so(status, changes, said):
    text = text_of(head(replace(status, **changes)))
    for words in ("A run is under way", "Not complete: run the same command again to continue."):
        assert (words in text) == (said is not None and words.startswith(said))


def test_stages_have_their_rows_shards_and_statuses(status):
    stages = [
        StageStatus("frames", "frame", 2, {"ok": 9, "not_found": 1}, 0, 0, 1, 1),
        StageStatus("spectra", "object", 1200, {"ok": 1000, "pending": 200}, 200, 0, 2, 1),
        StageStatus("empty", "object", 0, {}, 0, 0, 0, 0),
    ]
    text = text_of(stage_section(replace(status, stages=tuple(stages))))
    for words in ("2 frames × 5 bands", "1,200 objects", "1 / 2", "1,000 ok", "200 pending", "0 objects"):
        assert words in text


def test_time_is_that_of_all_runs(status):
    text = text_of(timing_section(replace(status, runs=[*status.runs, *status.runs])))
    for words in ("24.0 s", "6.0 s", "2 objects/s", "5.0 MB"):
        assert words in text


def test_time_of_a_first_run_is_that_of_its_log(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    make_spectra(job, shards=1)
    write_log(job, [shard_line("spectra", 0)])
    text = text_of(timing_section(summarize(job.output)))
    assert "10.0 s" in text
    assert "4.0 s" in text


def test_the_job_and_the_versions_are_shown_as_text(status):
    text = text_of(settings_section(replace(status, job={"name": "<é>"}, versions={"numpy": "2"})))
    assert "&lt;" in text
    assert "numpy 2" in text
    assert "Versions" not in text_of(settings_section(replace(status, versions={})))
