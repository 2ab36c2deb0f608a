"""The page as a browser shows it: at three widths, with the keyboard, without a message in the console."""

import json
import shutil
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from survey_batch.report import write_report
from survey_batch.store.problems import PROBLEM_SCHEMA
from tests.browser import CHROMIUM, open_browser
from tests.report.outputs import (
    cutouts_job,
    make_cutouts,
    make_pictures,
    make_predictions,
    make_spectra,
    pictures_job,
    spectra_job,
    write_accounts,
)
from tests.report.test_problems import notes

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome is installed here"),
]

WIDTHS = (390, 768, 1280)
STAGES = {"rows_done": 24, "wall_seconds": 12.0, "cpu_seconds": 3.0}

TOO_PALE = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const lum = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || element.ariaHidden === "true") continue;
    const [a, b] = [lum(parse(getComputedStyle(element).color)), lum(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) pale.push(`${element.outerHTML.slice(0, 80)} ${ratio.toFixed(2)}`);
  }
  return JSON.stringify(pale);
})()
"""


def spectra_page(folder):
    job = spectra_job(folder)
    make_spectra(job)
    make_predictions(job)
    write_accounts(job, {"spectra": {**STAGES, "nbytes": 2_500_000}, "predictions": {**STAGES, "nbytes": 800_000}})
    return write_report(job.output)


def cutouts_page(folder):
    job = cutouts_job(folder)
    make_cutouts(job)
    missing = {"object_id": "object-1", "stage": "cutouts", "status": "unreadable", "source": "", "row": 1}
    long = {**missing, "message": "archive/" + "frames/" * 60 + "frame.fits.bz2: damaged"}
    pq.write_table(pa.Table.from_pylist([*notes([0, 4, 8]), long], PROBLEM_SCHEMA), f"{job.output}/problems.parquet")
    return write_report(job.output)


def composites_page(folder):
    job = pictures_job(folder, "skyserver", "composites")
    classes = tuple(f"a class of a long name {number}" for number in range(12))
    make_pictures(job, "composites", objects=40, labels=classes)
    make_predictions(job, objects=40, classes=classes)
    return write_report(job.output)


PAGES = {"spectra": spectra_page, "cutouts": cutouts_page, "composites": composites_page}


@pytest.fixture(scope="module")
def browser():
    with open_browser() as page:
        yield page


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    return {name: make(tmp_path_factory.mktemp(name)) for name, make in PAGES.items()}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_never_wider_than_the_window_and_the_console_stays_empty(browser, pages, name):
    browser.console.clear()
    for width in WIDTHS:
        browser.open(pages[name], width)
        assert browser.value("innerWidth") == width
        assert browser.value("document.documentElement.scrollWidth <= innerWidth")
        assert browser.value("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    assert browser.console == []


@pytest.mark.parametrize("name", PAGES)
def test_text_is_readable_and_pictures_have_words(browser, pages, name):
    browser.open(pages[name], 1280)
    assert json.loads(browser.value(TOO_PALE)) == []
    texts = browser.value("[...document.images].map((image) => image.alt)")
    assert all(any(letter.isdigit() for letter in text) or "red, green, blue" in text for text in texts)
    levels = browser.value("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", ["cutouts", "composites"])
def test_pixels_of_images_are_whole_pixels_of_the_screen(browser, pages, name):
    for width in WIDTHS:
        browser.open(pages[name], width)
        factors = browser.value(
            "[...document.querySelectorAll('img.pixels')].map((i) => i.getBoundingClientRect().width / i.naturalWidth)"
        )
        assert factors
        assert all(factor >= 1 and factor == int(factor) for factor in factors)


def test_a_table_is_sorted_with_the_keyboard(browser, pages):
    browser.open(pages["spectra"], 1280)
    column = "[...document.querySelector('#time tbody').rows].map((row) => row.cells[4].textContent)"
    heads = "[...document.querySelectorAll('#time th')].map((th) => th.getAttribute('aria-sort'))"
    assert browser.value(column) == ["2.5 MB", "800.0 kB"]
    browser.value("document.querySelectorAll('#time th button')[3].focus()")
    browser.press("Tab")
    assert browser.value("document.activeElement.textContent") == "written"
    assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("Enter", "\r")
    assert browser.value(column) == ["800.0 kB", "2.5 MB"]  # by size, not by the first number
    browser.press("Enter", "\r")
    assert browser.value(column) == ["2.5 MB", "800.0 kB"]
    assert browser.value(heads) == [None, None, None, None, "descending", None]


def test_only_a_box_that_scrolls_can_be_reached_with_the_keyboard(browser, pages):
    boxes = "[...document.querySelectorAll('.scroll')].map((b) => [b.scrollWidth > b.clientWidth, b.tabIndex === 0])"
    browser.open(pages["spectra"], 390)
    browser.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() => 0)")
    seen = browser.value(boxes)
    assert [True, True] in seen
    assert all(wide == reached for wide, reached in seen)


def test_the_page_prints_without_the_links_to_its_sections_and_without_colour_behind_text(browser, pages, tmp_path):
    browser.open(pages["cutouts"], 1280)
    browser.ask("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert json.loads(browser.value(TOO_PALE)) == []
    finally:
        browser.ask("Emulation.setEmulatedMedia", media="")
    browser.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_a_page_whose_script_was_changed_is_still_a_page(browser, pages, tmp_path):
    """The policy refuses a script that is not ours; tables are then as they were written."""
    shutil.copy(pages["spectra"], tmp_path / "other.html")
    text = (tmp_path / "other.html").read_text()
    (tmp_path / "other.html").write_text(text.replace('"use strict";', '"use strict"; alert(1);'))
    browser.open(tmp_path / "other.html", 1280)
    assert browser.value("document.querySelectorAll('th button').length") == 0
    assert browser.value("document.querySelectorAll('table').length") > 3
    assert "script" in json.dumps(browser.console[-1])
