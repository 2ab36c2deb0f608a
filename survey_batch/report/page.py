"""HTML in which data can never become markup, and the page around it."""

import base64
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from matplotlib.figure import Figure

from survey_batch.core.redaction import redacted

CSS, SCRIPT = (files("survey_batch.report").joinpath(f"page.{kind}").read_text() for kind in ("css", "js"))
"""The style sheet, and the script that sorts tables."""

SCRIPT_HASH = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
NO_RESOURCES = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{SCRIPT_HASH}'"
"""Content security policy: the browser refuses whatever is not in the page, and every script but this one."""

PNG_DPI = 150
PIXELS_PER_INCH = 96
"""CSS pixels."""
EMPTY_ELEMENTS = ("img", "meta", "br")


class Html(str):
    """Text that is already markup; all other text is escaped when it enters a page."""

    __slots__ = ()


class Section(Html):
    """A section of the page, and the words of its heading."""

    heading: str


Content = Html | str | Iterable["Html | str"]


@dataclass(frozen=True)
class Measure:
    """A cell of a table: its words, and the number that it is sorted by (2.5 MB is more than 800 kB)."""

    words: Content
    value: float


def markup(content: Content) -> Html:
    """Turn content into markup: text is escaped and shows no credentials, markup is kept, several items are joined."""
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(escape(redacted(content)))
    return Html("".join(markup(part) for part in content))


def tag(element: str, /, *content: Content, **attributes: object) -> Html:
    """Make an element; in attribute names a trailing underscore is dropped (`class_`), others become hyphens."""
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(redacted(str(value)))}"'
        for key, value in attributes.items()
        if value != ""
    )
    inner = "".join(markup(part) for part in content)
    return Html(f"<{element}{head}>" if element in EMPTY_ELEMENTS else f"<{element}{head}>{inner}</{element}>")


def section(title: str, *content: Content, note: Content = "") -> Section:
    """Make a section with a heading and a line about what it shows; its anchor is its title in small letters."""
    anchor = _anchor(title)
    heading = tag("h2", title, id=f"{anchor}-title")
    about = tag("p", note, class_="note") if note else ""
    made = Section(tag("section", heading, about, *content, id=anchor, aria_labelledby=f"{anchor}-title"))
    made.heading = title
    return made


def table(
    head: Iterable[Content],
    rows: Iterable[Iterable[Content | Measure]],
    numeric: Iterable[int] = (),
    *,
    label: str,
    class_: str = "",
) -> Html:
    """Make a table that can be sorted, in a box in which it scrolls where it is too wide.

    Parameters
    ----------
    head, rows
        Cells.
    numeric
        Indices of the columns that hold numbers: aligned to the right, and sorted by the first number in a cell.
    label
        What the table lists, for those who do not see where it stands.
    class_
        Of the table.
    """
    right = set(numeric)
    heads = (tag("th", cell, scope="col", class_="number" * (n in right)) for n, cell in enumerate(head))
    body = (tag("tr", *(_cell(cell, "number" * (n in right)) for n, cell in enumerate(row))) for row in rows)
    made = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *body), aria_label=label, class_=class_)
    return scroll_box(made, label)


def _cell(cell: Content | Measure, class_: str) -> Html:
    if isinstance(cell, Measure):
        return tag("td", cell.words, data_value=f"{cell.value:.10g}", class_=class_)
    return tag("td", cell, class_=class_)


def scroll_box(content: Html, label: str) -> Html:
    """Make a box in which something wide scrolls, so that the page does not."""
    return tag("div", content, class_="scroll", role="group", aria_label=label)


def facts(pairs: Iterable[tuple[str, Content]]) -> Html:
    """Make a list of names and what is to be said of each."""
    return tag("dl", *(part for name, value in pairs for part in (tag("dt", name), tag("dd", value))), class_="facts")


def badge(text: str, color: str) -> Html:
    """Make a small coloured mark beside a word; the word carries the meaning, not the colour alone."""
    return tag("span", tag("i", style=f"background:{color}"), text, class_="badge")


def shape(mark: str, color: str, text: str) -> Html:
    """Make a coloured character beside a word, as a legend of points."""
    return tag("span", tag("b", mark, style=f"color:{color}", aria_hidden="true"), f" {text}", class_="badge")


def bar(parts: Iterable[tuple[str, float, str]], width: float = 100) -> Html:
    """Make a stacked bar, `width` percent of its cell wide, from (name, share of the bar in 0 to 1, colour)."""
    shown = [(name, share, color) for name, share, color in parts if share > 0]
    pieces = (
        tag("i", title=name, style=f"width:{100 * share:.3f}%;min-width:2px;background:{color}")
        for name, share, color in shown
    )
    words = ", ".join(name for name, *_ in shown) or "nothing"
    drawn = tag("div", *pieces, class_="bar", style=f"width:{width:.2f}%", role="img", aria_label=words)
    return tag("div", drawn, class_="track")


def picture(png: bytes, description: str, **attributes: object) -> Html:
    """Embed an image."""
    data = base64.b64encode(png).decode()
    return tag("img", src=f"data:image/png;base64,{data}", alt=description, **attributes)


def plot(figure: Figure, description: str, class_: str = "plot", enlarged: float = 1, least: float = 0) -> Html:
    """Embed a figure at its own width, or `enlarged` times as wide, if the page has room; `least` as small as that."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI * enlarged)
    width, height = (round(side * PIXELS_PER_INCH * enlarged) for side in figure.get_size_inches())
    style = f"min-width:{round(least * width)}px" if least else ""
    return picture(buffer.getvalue(), description, class_=class_, width=width, height=height, style=style)


def document(title: str, body: Iterable[Html], footer: Content, head: Content = "") -> str:
    """Make the whole page: the head above links to the sections, the sections, and the footer."""
    parts = list(body)
    meta = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NO_RESOURCES),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(CSS)),
    )
    skip = tag("a", "To the results", href="#results", class_="skip")
    page = tag(
        "body",
        skip,
        tag("header", head, class_="top"),
        _contents([part for part in parts if isinstance(part, Section)]),
        tag("main", *parts, id="results"),
        tag("footer", footer),
        tag("script", Html(SCRIPT)),
    )
    return f"<!doctype html>\n{tag('html', meta, page, lang='en')}\n"


def _contents(sections: Sequence[Section]) -> Html:
    links = (tag("a", part.heading, href=f"#{_anchor(part.heading)}") for part in sections)
    return tag("nav", tag("ul", *(tag("li", link) for link in links)), aria_label="Sections")


def _anchor(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower()).strip("-")
