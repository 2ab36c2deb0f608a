"""`survey-batch report`: where the page is."""

import json

import pytest

from tests.report.outputs import spectra_job, write_log


@pytest.fixture
def made(job, tmp_path):
    output = spectra_job(tmp_path / "out", stages=("spectra",))
    write_log(output, [])
    return job


def test_the_page_lies_in_the_output_or_where_it_is_asked_for(command, made, tmp_path):
    code, out, _ = command("report", made)
    assert (code, out.strip()) == (0, f"{tmp_path}/out/report.html")
    page = tmp_path / "é" / "page.html"
    code, out, _ = command("report", made, "--to", page, "--json")
    assert (code, json.loads(out)["file"]) == (0, str(page))
    assert "</html>" in page.read_text(encoding="utf-8")


def test_before_a_run_there_is_nothing_to_report(command, job):
    code, _, err = command("report", job)
    assert (code, "no run" in err) == (2, True), err
