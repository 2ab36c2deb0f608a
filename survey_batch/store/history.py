"""The attribute `history` of a product, as CF has it: a line for each thing that was done to it, the newest last."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from survey_batch.core.versions import own_version
from survey_batch.store.products import open_group
from survey_batch.store.root import write_root


def history_line(done: str) -> str:
    """Say when and by which version something was done."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} survey-batch {own_version()} run: {done}"


def longer_history(attrs: Mapping[str, Any], done: str) -> str:
    """Return the history in a product's attributes with one more line."""
    return "\n".join(filter(None, (str(attrs.get("history", "")), history_line(done))))


def add_to_history(output: str, product: str, done: str) -> None:
    """Add a line to the history of a product."""
    attrs = open_group(output, product).attrs
    attrs["history"] = longer_history(attrs, done)
    write_root(output, product)
