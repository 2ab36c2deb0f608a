"""How jobs, plans and summaries show themselves in a notebook."""

from collections.abc import Mapping
from html import escape


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """Make a small table; everything in it is text, whatever a job file says."""
    lines = (f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    return f"<table><caption>{escape(title)}</caption>{''.join(lines)}</table>"


def in_words(counts: Mapping[str, int]) -> str:
    """Say counts by name, such as "310 ok, 2 not_found"."""
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"


def objects_in_words(counts: Mapping[str, int]) -> str:
    """Say how many objects there are, and how many of each status."""
    return f"{sum(counts.values()):,} objects: {in_words(counts)}"
