import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.report.page import CSS, Html, Measure, badge, bar, document, picture, section, table, tag
from survey_batch.report.style import EDGE, INK, LINE, SOFT


class Elements(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, name, attributes):
        self.tags.append(name)
        self.attributes += attributes

    def handle_data(self, data):
        self.text += data


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00")))
def test_whatever_text_is_shown_as_it_is_and_makes_no_element(text):
    seen = Elements(tag("p", text, title=text or "t"))
    assert seen.tags == ["p"]
    assert seen.text == text
    assert seen.attributes == [("title", text or "t")]


def test_markup_is_kept_and_text_beside_it_is_escaped():
    assert tag("p", tag("b", "<x>"), "a & b") == "<p><b>&lt;x&gt;</b>a &amp; b</p>"


def test_attribute_names_lose_a_trailing_underscore_and_empty_ones_are_left_out():
    assert tag("i", class_="mark", http_equiv="x", title="") == '<i class="mark" http-equiv="x"></i>'


def test_table_escapes_its_cells():
    assert "&lt;script&gt;" in table(("a",), [("<script>",)], label="t")


def test_bar_leaves_out_parts_that_are_nothing():
    assert Elements(bar([("ok", 0.75, "#000"), ("failed", 0.0, "#f00")])).tags == ["div", "div", "i"]


def test_a_document_forbids_scripts_and_whatever_is_not_in_it():
    page = document("<t>", [section("a", badge("b", "#000"))], "foot")
    assert "default-src 'none'; img-src data:" in page.replace("&#x27;", "'")
    assert "<title>&lt;t&gt;</title>" in page


def test_an_image_is_in_the_page():
    assert isinstance(picture(b"png", "what"), Html)
    assert 'src="data:image/png;base64,cG5n"' in picture(b"png", "what")


COLOURS = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", CSS))


def luminance(color):
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    parts = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_as_wcag_defines_it():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54  # the palest grey that passes on white


@pytest.mark.parametrize("text", ["ink", "soft", "link"])
@pytest.mark.parametrize("ground", ["paper", "pale", "mark"])
def test_text_stands_out_from_every_background(text, ground):
    assert contrast(COLOURS[text], COLOURS[ground]) >= 4.5


def test_page_figures_and_monitor_share_their_colours():
    assert (COLOURS["ink"], COLOURS["soft"], COLOURS["line"]) == (INK, SOFT, LINE)
    assert f"--edge: {EDGE};" in CSS


def test_a_document_has_landmarks_and_links_to_its_sections():
    page = document("t", [section("What is it?", "x")], "foot", tag("h1", "t"))
    assert [name for name in Elements(page).tags if name in ("header", "nav", "main", "section", "footer")] == [
        "header", "nav", "main", "section", "footer",
    ]  # fmt: skip
    assert 'href="#what-is-it"' in page
    assert 'id="what-is-it" aria-labelledby="what-is-it-title"' in page
    assert 'lang="en"' in page


def test_a_table_without_script_is_a_plain_table_whose_cells_carry_what_they_are_sorted_by():
    made = table(("a", "size"), [("x", Measure("2.5 MB", 2.5e6))], numeric=(1,), label="t")
    assert '<td data-value="2500000" class="number">2.5 MB</td>' in made
    assert '<th scope="col" class="number">size</th>' in made
    assert "button" not in made
