"""HTML in which data can never become markup, and the page around it."""

import base64
import io
from collections.abc import Iterable
from html import escape

from matplotlib.figure import Figure

from survey_batch.report.style import CSS

NO_RESOURCES = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Content security policy: the browser refuses scripts and anything that is not in the page."""

PNG_DPI = 150


class Html(str):
    """Text that is already markup; all other text is escaped when it enters a page."""

    __slots__ = ()


Content = Html | str | Iterable["Html | str"]


def markup(content: Content) -> Html:
    """Turn content into markup: text is escaped, markup is kept, several items are joined."""
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(escape(content))
    return Html("".join(markup(part) for part in content))


def tag(element: str, /, *content: Content, **attributes: object) -> Html:
    """Make an element; in attribute names a trailing underscore is dropped (`class_`), others become hyphens."""
    head = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value != ""
    )
    inner = "".join(markup(part) for part in content)
    return (
        Html(f"<{element}{head}>")
        if element in ("img", "meta", "br")
        else Html(f"<{element}{head}>{inner}</{element}>")
    )


def section(title: str, *content: Content, note: Content = "") -> Html:
    """Make a section with a heading and a line about what it shows."""
    about = tag("p", note, class_="note") if note else ""
    return tag("section", tag("h2", title), about, *content)


def table(head: Iterable[Content], rows: Iterable[Iterable[Content]], numeric: Iterable[int] = ()) -> Html:
    """Make a table; the columns of `numeric` are aligned to the right."""
    right = set(numeric)

    def line(kind: str, cells: Iterable[Content]) -> Html:
        made = (tag(kind, cell, class_="number" if place in right else "") for place, cell in enumerate(cells))
        return tag("tr", *made)

    return tag("table", tag("thead", line("th", head)), tag("tbody", *(line("td", row) for row in rows)))


def badge(text: str, color: str) -> Html:
    """Make a small coloured mark beside a word; the word carries the meaning, not the colour alone."""
    return tag("span", tag("i", style=f"background:{color}"), text, class_="badge")


def bar(parts: Iterable[tuple[str, float, str]], width: float = 100) -> Html:
    """Make a stacked bar, `width` percent of its cell wide, from (name, share of the bar in 0 to 1, colour)."""
    pieces = (
        tag("i", title=name, style=f"width:{100 * share:.3f}%;min-width:2px;background:{color}")
        for name, share, color in parts
        if share > 0
    )
    return tag("div", tag("div", *pieces, class_="bar", style=f"width:{width:.2f}%"), class_="track")


def picture(png: bytes, description: str, **attributes: object) -> Html:
    """Embed an image."""
    data = base64.b64encode(png).decode()
    return tag("img", src=f"data:image/png;base64,{data}", alt=description, **attributes)


def plot(figure: Figure, description: str, class_: str = "plot") -> Html:
    """Embed a figure at its own width (in inches of 96 CSS pixels) if the page has room."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=PNG_DPI)
    width = round(figure.get_figwidth() * 96)
    return picture(buffer.getvalue(), description, class_=class_, style=f"width:{width}px")


def document(title: str, body: Iterable[Html], footer: Content) -> str:
    """Make the whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=NO_RESOURCES),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(CSS)),
    )
    page = tag("html", head, tag("body", tag("main", *body), tag("footer", footer)), lang="en")
    return f"<!doctype html>\n{page}\n"
