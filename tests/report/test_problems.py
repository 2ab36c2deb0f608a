"""Problems told once for each kind, with links both ways."""

import html
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.report import write_report
from survey_batch.report.problems import read_kinds
from survey_batch.report.summary import summarize
from survey_batch.store.problems import PROBLEM_SCHEMA
from tests.report.outputs import cutouts_job, make_cutouts

EDGE = "of the pixels are on the frame"


def notes(rows):
    """One problem for each row, all with messages of their own."""
    stage = {"stage": "cutouts", "status": "partial", "source": ""}
    edge = [f"u: {row / 10 + 50:.1f}% {EDGE}; g: {row / 10 + 40:.1f}% {EDGE}" for row in rows]
    return [
        {**stage, "object_id": f"object-{row}", "message": text, "row": row}
        for row, text in zip(rows, edge, strict=True)
    ]


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """Output with 16 objects; every fourth lacks a band, and says so in words of its own."""
    job = cutouts_job(tmp_path_factory.mktemp("problems"))
    make_cutouts(job)
    many = notes([0, 4, 8, 12])
    many[2]["message"] = f"r: 98.4% {EDGE}"
    frame = {"object_id": "frame 7", "stage": "frames", "status": "not_found", "message": "a/b.fits: no such file"}
    pq.write_table(pa.Table.from_pylist([*many, {**frame, "row": 4}], PROBLEM_SCHEMA), f"{job.output}/problems.parquet")
    return job.output


def test_messages_that_differ_in_numbers_are_one_kind_with_its_plainest_message(output):
    edge, missing = read_kinds(summarize(output)).kinds
    assert (edge.count, edge.reason) == (4, f"# {EDGE}")
    assert (edge.object_id, edge.row, edge.message) == ("object-8", 8, f"r: 98.4% {EDGE}")
    assert (missing.number, missing.count, missing.object_id) == (2, 1, "frame 7")


def test_an_object_is_led_to_its_kind_and_never_to_that_of_a_frame_with_its_number(output):
    found = read_kinds(summarize(output)).of_rows([0, 1, 4])
    assert {row: kind.number for row, (kind, _) in found.items()} == {0: 1, 4: 1}
    assert found[4][1].startswith("u: 50.4%")


def test_links_lead_from_a_problem_to_objects_and_back(output):
    text = Path(write_report(output)).read_text()
    links, anchors = set(re.findall(r'href="#([^"]+)"', text)), re.findall(r' id="([^"]+)"', text)
    assert links <= set(anchors)
    assert len(anchors) == len(set(anchors))
    assert {"cutouts-0", "problem-1", "to-do-cutouts-partial"} <= links
    assert '<span class="whole">run --retry not_found</span>' in text  # no line ends within it
    assert re.search(r"\.whole *{ *white-space: nowrap", text)


def test_the_lines_that_show_all_of_one_kind_do_so(output):
    text = Path(write_report(output)).read_text()
    lines = html.unescape(re.search(r"<pre>(import.*?)</pre>", text, re.DOTALL)[1]).splitlines()
    names = {}
    exec("\n".join([*lines[:-1], f"shown = {lines[-1]}"]), names)  # noqa: S102 - what the page tells a person to type
    assert names["shown"].object_id.tolist() == ["object-0", "object-4", "object-8", "object-12"]
