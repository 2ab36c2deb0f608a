"""The whole page, from small outputs."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from survey_batch.core.errors import ConfigurationError
from survey_batch.report import write_report
from survey_batch.report.page import SCRIPT
from tests.report.outputs import (
    cutouts_job,
    make_cutouts,
    make_pictures,
    make_predictions,
    make_spectra,
    pictures_job,
    problem_table,
    shard_line,
    spectra_job,
    write_accounts,
    write_log,
)


class Page(HTMLParser):
    """Titles, addresses and elements of a page."""

    def __init__(self, path):
        super().__init__()
        self.names, self.titles, self.sources, self.current = set(), [], [], ""
        self.text = Path(path).read_text()
        self.feed(self.text)

    def handle_starttag(self, name, attributes):
        self.names.add(name)
        self.sources += [value for key, value in attributes if key in ("src", "href")]
        self.current = name

    def handle_data(self, data):
        if self.current == "h2" and data.strip():
            self.titles.append(data)
            self.current = ""


def scripts_of(text):
    return re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory):
    """Page of a finished job with predictions, problems and accounts."""
    job = spectra_job(tmp_path_factory.mktemp("predicted"))
    make_spectra(job)
    make_predictions(job)
    timing = {"counts": {"ok": 24}, "rows_done": 24, "wall_seconds": 12.0, "cpu_seconds": 3.0, "nbytes": 2_500_000}
    write_accounts(job, {"spectra": timing}, notes=["one <note>"])
    bad = problem_table(("object-9", "spectra", "not_found", "spec-9.fits: <no> such file"))
    pq.write_table(bad, f"{job.output}/problems.parquet")
    return Page(write_report(job.output))


def test_a_finished_job_s_page_has_every_section_its_products_allow(predicted):
    assert predicted.titles == [
        "Status of the objects",
        "Problems",
        "Where they are",
        "The classifier",
        "How good the predictions are",
        "Example spectra",
        "Time",
        "How it was made",
    ]


def test_the_page_loads_nothing_and_runs_nothing(predicted):
    pictures = [source for source in predicted.sources if not source.startswith("#")]
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert len(pictures) > 10
    assert not predicted.names & {"link", "iframe", "object", "embed", "base", "form"}
    assert scripts_of(predicted.text) == [SCRIPT]  # which sorts tables
    outside_images = re.sub(r"data:image/png;base64,[^\"]*", "", predicted.text)
    assert "http://" not in outside_images
    assert "https://" not in outside_images
    assert "url(" not in outside_images
    assert "@import" not in outside_images


def test_notes_and_messages_are_escaped(predicted):
    assert "one &lt;note&gt;" in predicted.text
    assert "&lt;no&gt; such file" in predicted.text


def test_the_test_split_is_scored_apart_from_the_others(predicted):
    assert predicted.text.index("“test”: 8 objects") < predicted.text.index("“train”: 16 objects")
    accuracies = re.findall(r"<b>([0-9.]+)</b><span>accuracy</span>", predicted.text)
    assert accuracies == ["1.000", "0.938"]  # the wrong one, row 4, is in the training split
    assert "<small>0.631 to 1.000</small>" in predicted.text  # of eight stars, all right


def test_disagreements_with_the_label_are_shown(predicted):
    assert "the surest of 1" in predicted.text


def test_the_page_says_whose_predictions_they_are(predicted):
    for words in (
        "spectral-type · lines",
        "1,050 objects: A 100, G 900, M 50",
        "sha256 0123456789ab…",
        "2 stars with visits in both training and test",
        "0.900 [0.600, 0.980]",
        "equal shares",
        "keras 3.15.1",
    ):
        assert words in predicted.text
    assert "tuned on" not in predicted.text


@pytest.mark.parametrize(
    ("product", "survey", "classes"),
    [
        pytest.param("composites", "skyserver", ("GALAXY", "QSO", "STAR"), marks=pytest.mark.slow),
        ("stamps", "stamps", ("O5", "B0", "B5", "A0", "A5", "F0", "F5", "G0", "G5", "K0", "K5", "M0", "M5")),
        pytest.param("stamps", "stamps", ("good", "other"), marks=pytest.mark.slow),
    ],
)
def test_pictures_of_any_classes_have_their_sure_rights_and_wrongs(tmp_path, product, survey, classes):
    job = pictures_job(tmp_path, survey, product)
    make_pictures(job, product, objects=40, labels=classes)
    make_predictions(job, objects=40, wrong=(4, 6), classes=classes, threshold=0.7, manifest=None)
    page = Page(write_report(job.output))
    assert f"Example {product}" in page.titles
    assert "The classifier" not in page.titles  # the product does not say whose predictions it holds
    assert "Predicted differently from the label, the surest of 2" in page.text
    assert "8 of 40 predicted objects (20.0 %) left without a class" in page.text
    assert "no class: below the threshold" in page.text  # among the most uncertain
    assert page.text.count(f"{product[:-1].capitalize()} of object-") == 2 + 4 + len(classes) * (2 - (len(classes) > 7))


def test_a_hostile_object_id_is_shown_as_text(tmp_path):
    job = spectra_job(tmp_path, stages=("spectra",))
    hostile = "<script>alert(1)</script>"
    make_spectra(job, objects=8, object_id=np.full(8, hostile, object), label=np.full(8, "<b>", object))
    page = Page(write_report(job.output))
    assert scripts_of(page.text) == [SCRIPT]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "&lt;b&gt;" in page.text


def test_cutouts_are_shown_with_the_partial_ones_marked(tmp_path):
    job = cutouts_job(tmp_path)
    make_cutouts(job)
    page = Page(write_report(job.output))
    assert "Example cutouts" in page.titles
    assert "Example spectra" not in page.titles
    assert page.text.count("in the bands u, g, r, i, z, irg") == 12
    assert page.text.count("</i>partial</span>") >= 3


def test_the_same_output_gives_the_same_examples(tmp_path):
    job = cutouts_job(tmp_path)
    make_cutouts(job)
    pages = [re.sub(r"Written [^.]*", "", Page(write_report(job.output, str(tmp_path / name))).text) for name in "ab"]
    assert pages[0] == pages[1]


def test_a_run_under_way_has_a_page_of_what_is_done(tmp_path):
    job = spectra_job(tmp_path)
    make_spectra(job, shards=1)
    write_log(job, [shard_line("spectra", 0)])
    (tmp_path / "lock.json").write_text('{"host": "node1", "pid": 7}')
    page = Page(write_report(job.output))
    assert "A run is under way" in page.text
    assert "Example spectra" in page.titles
    assert "Time" in page.titles
    assert "How good the predictions are" not in page.titles


def test_a_job_that_has_only_just_started_has_a_page(tmp_path):
    job = spectra_job(tmp_path)
    write_log(job, [])
    page = Page(write_report(job.output))
    assert page.titles == ["Status of the objects", "How it was made"]


def test_an_output_without_a_run_is_refused_and_no_page_is_written(tmp_path):
    with pytest.raises(ConfigurationError, match="no run"):
        write_report(str(tmp_path))
    assert not (tmp_path / "report.html").exists()


def test_the_page_goes_where_it_is_asked_to(tmp_path):
    job = spectra_job(tmp_path / "out")
    write_log(job, [])
    assert write_report(job.output) == f"{job.output}/report.html"
    assert write_report(job.output, f"{tmp_path}/other.html") == f"{tmp_path}/other.html"
    assert (tmp_path / "other.html").read_text().startswith("<!doctype html>")


def test_images_of_the_page_are_images(predicted):
    pictures = [source for source in predicted.sources if source.startswith("data:")]
    sizes = [Image.open(BytesIO(base64.b64decode(s.split(",")[1]))).size for s in pictures]
    assert min(min(size) for size in sizes) > 50
