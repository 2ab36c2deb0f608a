"""The history of a product, as CF has it."""

import re

from survey_batch.core.versions import own_version
from survey_batch.store.history import add_to_history, history_line
from survey_batch.store.products import open_group
from tests.report.outputs import make_spectra, spectra_job


def test_a_line_says_when_by_what_and_what():
    line = history_line("relabelled é")
    pattern = rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ survey-batch {re.escape(own_version())} run: relabelled é"
    assert re.fullmatch(pattern, line)


def test_the_newest_line_comes_last(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, objects=1)
    for done in ("first", "second"):
        add_to_history(job.output, "spectra", done)
    lines = open_group(job.output, "spectra").attrs["history"].splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["first", "second"]
