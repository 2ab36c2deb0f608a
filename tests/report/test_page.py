from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from survey_batch.report.page import Html, badge, bar, document, picture, section, table, tag


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
    assert "&lt;script&gt;" in table(("a",), [("<script>",)])


def test_bar_leaves_out_parts_that_are_nothing():
    assert Elements(bar([("ok", 0.75, "#000"), ("failed", 0.0, "#f00")])).tags == ["div", "div", "i"]


def test_a_document_forbids_scripts_and_whatever_is_not_in_it():
    page = document("<t>", [section("a", badge("b", "#000"))], "foot")
    assert "default-src 'none'; img-src data:" in page.replace("&#x27;", "'")
    assert "<title>&lt;t&gt;</title>" in page


def test_an_image_is_in_the_page():
    assert isinstance(picture(b"png", "what"), Html)
    assert 'src="data:image/png;base64,cG5n"' in picture(b"png", "what")
