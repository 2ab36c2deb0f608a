"""Jobs, plans and summaries say in a line what they are, and in a small table."""

import pyarrow as pa

from survey_batch.core.display import html_table, in_words
from survey_batch.execution.accounts import Summary
from survey_batch.planning.plan import Plan
from tests.jobs import lamost_job

WHERE = {"catalog": {"path": "stars & <b>.csv"}, "archive": {"survey": "lamost", "root": "archive"}}


def plan(objects):
    table = pa.table({"object_id": [str(i) for i in range(objects)], "problem": ["", "no plan"] + [""] * (objects - 2)})
    return Plan(lamost_job(WHERE, "runs/out"), table, pa.table({"run": pa.array([], pa.int32())}))


def test_a_job_is_shown_in_one_line():
    job = lamost_job(WHERE, "runs/out")
    assert repr(job) == str(job) == "<Job test: spectra, features of lamost, in runs/out>"


def test_a_plan_is_shown_in_one_line_whatever_its_size():
    assert repr(plan(2000)) == "<Plan of test: 2,000 objects; 1 unusable row; 0 fields; 250 shards of objects>"


def test_a_summary_is_shown_in_one_line():
    done = Summary("runs/out", {"ok": 1310, "not_found": 2}, {"spectra": {"counts": {"ok": 1312}}})
    assert repr(done) == "<Summary of runs/out: 1,312 objects: 1,310 ok, 2 not_found>"
    assert "<th>spectra</th><td>1,312 ok</td>" in done._repr_html_()


def test_text_of_the_user_is_escaped():
    for shown in (lamost_job(WHERE, "<i>")._repr_html_(), html_table("<b>", {"<b>": "<b>"}), plan(2)._repr_html_()):
        assert "<b>" not in shown
        assert "<i>" not in shown
    assert "stars &amp; &lt;b&gt;.csv" in lamost_job(WHERE, "out")._repr_html_()


def test_no_counts_are_called_so():
    assert in_words({}) == "none"
