"""Display of jobs, plans and summaries in a notebook."""

from collections.abc import Mapping
from html import escape

from survey_batch.core.redaction import redacted
from survey_batch.core.wording import counted


def html_table(title: str, rows: Mapping[str, object]) -> str:
    """Make a small table; all content is escaped as text, whatever a job file says, and shows no credentials."""
    lines = (
        f"<tr><th>{escape(redacted(name))}</th><td>{escape(redacted(str(value)))}</td></tr>"
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(redacted(title))}</caption>{''.join(lines)}</table>"


def in_words(counts: Mapping[str, int]) -> str:
    """Write counts by name, for example "310 ok, 2 not_found"."""
    return ", ".join(f"{number:,} {name}" for name, number in counts.items()) or "none"


def objects_in_words(counts: Mapping[str, int]) -> str:
    """Write the number of objects, and how many have each status."""
    return f"{counted(sum(counts.values()), 'object')}: {in_words(counts)}"
