"""Pieces of Markdown: entries with a link to each, and tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """One thing that the reference explains.

    Attributes
    ----------
    name
        As a user writes it.
    facts
        Short statements, such as the type, the default and the unit.
    meaning
        At least one sentence.
    example
        A line to copy; "" if there is none.
    aside
        Words after the name in the heading, which tell entries of one name apart in links.
    """

    name: str
    facts: tuple[str, ...]
    meaning: str
    example: str = ""
    aside: str = ""

    @property
    def target(self) -> str:
        """The name of the entry in links of other pages."""
        return target(self.aside, self.name)


def target(*words: str) -> str:
    """Return words as the name of an anchor in a page, which links use: small letters, digits and hyphens."""
    text = "".join(letter if letter.isalnum() else " " for letter in " ".join(words))
    return "-".join(text.split()).lower()


def entry(one: Entry, kind: str, level: int = 3) -> str:
    """Write an entry: a heading to link to, its facts in a line, its meaning, an example."""
    lines = [
        f"({kind}-{one.target})=",
        f"{'#' * level} `{one.name}`",
        "",
        f"*{' · '.join(one.facts)}*" * bool(one.facts),
    ]
    lines += ["", one.meaning]
    if one.example:
        lines += ["", "```toml", one.example, "```"]
    return "\n".join(lines) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a bar within a cell does not end it."""
    cells = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(part.replace("|", "\\|") for part in row) + " |" for row in cells) + "\n"


def code(text: object) -> str:
    """Set a word as code."""
    return f"`{text}`"


def listed(words: Iterable[object]) -> str:
    """List words as code."""
    return ", ".join(map(code, words))
